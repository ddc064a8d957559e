#include "proxyv/io/mmap.hpp"

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::message;

static_assert(!std::is_copy_constructible_v<io::MappedFile>);

namespace {

std::string text_of(const io::MappedFile& file) {
  std::string out;
  for (std::size_t i = 0; i < file.size(); ++i) out += static_cast<char>(file.data()[i]);
  return out;
}

}  // namespace

TEST_CASE("mapped and copied files hold the bytes and survive a move") {
  const files::Folder folder;
  const std::string path = folder.write("x", "some bytes");
  for (const auto access : {io::FileAccess::map, io::FileAccess::copy}) {
    io::MappedFile file(path, access);
    CHECK(file.size() == 10);
    CHECK(file.path() == path);
    const std::byte* data = file.data();
    const io::MappedFile moved(std::move(file));
    CHECK(moved.data() == data);
    CHECK(text_of(moved) == "some bytes");
  }
}

TEST_CASE("a copied file does not follow later changes") {
  const files::Folder folder;
  const std::string path = folder.write("x", "old bytes");
  const io::MappedFile file(path, io::FileAccess::copy);
  folder.write("x", "new");
  CHECK(text_of(file) == "old bytes");
}

TEST_CASE("an empty file is fine") {
  const files::Folder folder;
  const std::string path = folder.write("x", "");
  CHECK(io::MappedFile(path).size() == 0);
  CHECK(io::MappedFile(path, io::FileAccess::copy).data() == nullptr);
}

TEST_CASE("what cannot be mapped is named") {
  const files::Folder folder;
  CHECK(message([&] { io::MappedFile file(folder.file("none")); }) ==
        folder.file("none") + ": cannot open: No such file or directory");
  CHECK(message([&] { io::MappedFile file(folder.path(), io::FileAccess::copy); }) ==
        folder.path() + ": wanted a regular file, found a directory");
}

TEST_CASE("forgotten bytes of a mapping are read again, those of a copy stay") {
  const files::Folder folder;
  const std::string text(20000, 'x');
  const std::string path = folder.write("x", text);
  for (const auto access : {io::FileAccess::map, io::FileAccess::copy}) {
    const io::MappedFile file(path, access);
    CHECK(text_of(file) == text);
    file.forget(file.data() + 1, 19998);
    file.forget(file.data(), file.size());
    file.forget(file.data() + 10, file.size());  // reaches beyond the file: left alone
    file.forget(nullptr, 5000);
    CHECK(text_of(file) == text);
  }
}
