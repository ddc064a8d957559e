#include "proxyv/io/file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::message;

TEST_CASE("read_file returns the bytes") {
  const files::Folder folder;
  const std::string content("a\0b\xff\n", 5);
  CHECK(io::read_file(folder.write("x", content), 5) == content);
  CHECK(io::read_file(folder.write("empty", ""), 0).empty());
}

TEST_CASE("read_file refuses what is no readable regular file, by name") {
  const files::Folder folder;
  const std::string pipe = folder.file("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const std::string big = folder.write("big", "123456");
  CHECK(message([&] { io::read_file(folder.file("none"), 9); }) ==
        folder.file("none") + ": cannot open: No such file or directory");
  CHECK(message([&] { io::read_file(folder.path(), 9); }) ==
        folder.path() + ": wanted a regular file, found a directory");
  CHECK(message([&] { io::read_file(pipe, 9); }) == pipe + ": wanted a regular file, found something else");
  CHECK(message([&] { io::read_file(big, 5); }) == big + ": wanted at most 5 bytes, found 6");
  CHECK(message([&] { io::read_file(big + std::string(1, '\0') + "x", 9); }) ==
        big + "\\x00x: a path cannot hold a zero byte");
}

TEST_CASE("a link to a file is the file") {
  const files::Folder folder;
  folder.write("blob", "abc");
  REQUIRE(::symlink("blob", folder.file("link").c_str()) == 0);
  CHECK(io::read_file(folder.file("link"), 3) == "abc");
}

namespace {

void ignore_signal(int) {}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { REQUIRE(::pipe(ends) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  void close_writer() {
    ::close(ends[1]);
    ends[1] = -1;
  }
};

}  // namespace

TEST_CASE("short and interrupted reads are continued") {
  struct sigaction action {
  }, old{};
  action.sa_handler = ignore_signal;  // without SA_RESTART: read returns EINTR
  REQUIRE(::sigaction(SIGUSR1, &action, &old) == 0);
  Pipe pipe;
  const pthread_t reader = ::pthread_self();
  std::thread writer([&] {
    for (const char c : std::string("proxies")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ::pthread_kill(reader, SIGUSR1);
      if (::write(pipe.ends[1], &c, 1) != 1) return;
    }
  });
  std::string out(7, '?');
  const std::string error = message([&] { io::detail::read_exactly(pipe.ends[0], out.data(), 7, "pipe"); });
  writer.join();
  ::sigaction(SIGUSR1, &old, nullptr);
  CHECK(error.empty());
  CHECK(out == "proxies");
}

TEST_CASE("a file that ends early or cannot be read is an error") {
  Pipe pipe;
  REQUIRE(::write(pipe.ends[1], "abc", 3) == 3);
  pipe.close_writer();
  std::string out(5, '?');
  CHECK(message([&] { io::detail::read_exactly(pipe.ends[0], out.data(), 5, "cut"); }) ==
        "cut: wanted 5 bytes, found only 3");
  CHECK(message([&] { io::detail::read_exactly(-1, out.data(), 5, "bad"); }) ==
        "bad: cannot read: Bad file descriptor");
}
