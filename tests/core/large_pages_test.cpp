#include "proxyv/core/large_pages.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "proxyv/core/buffer.hpp"
#include "support/catch.hpp"

using namespace proxyv;

namespace {

constexpr std::size_t page = detail::large_page;

std::byte* at(std::size_t address) { return reinterpret_cast<std::byte*>(address); }

/// The kernel's flags of the mapping that holds an address ("VmFlags" of /proc/self/smaps); empty without
/// one.
std::string mapping_flags(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    std::uintptr_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
      inside = begin <= reinterpret_cast<std::uintptr_t>(address) &&
               reinterpret_cast<std::uintptr_t>(address) < end;
    else if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

bool system_has_large_pages() { return std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good(); }

}  // namespace

TEST_CASE("large pages: the whole ones within a range") {
  const auto check = [](std::size_t begin, std::size_t bytes, std::size_t first, std::size_t count) {
    const detail::LargePages pages(at(begin), bytes);
    INFO(begin << " + " << bytes);
    CHECK(pages.bytes == count * page);
    if (count > 0) CHECK(pages.begin == at(first * page));
  };
  check(0, 0, 0, 0);
  check(0, page - 1, 0, 0);
  check(0, page, 0, 1);
  check(64, page, 0, 0);
  check(64, 2 * page - 65, 0, 0);
  check(64, 2 * page - 64, 1, 1);
  check(3 * page, 5 * page + 7, 3, 5);
  check(3 * page + 1, 5 * page, 4, 4);
  check(page - 1, 0, 0, 0);
}

TEST_CASE(
    "large pages: a large host buffer begins on one and the system is asked, a small one is left alone") {
  const auto bytes = static_cast<index_t>(page);
  for (index_t n : {bytes, 4 * bytes, 4 * bytes + 12345}) {
    const auto buffer = host_buffer<std::byte>(n);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % page == 0);
    std::memset(buffer.data(), 1, static_cast<std::size_t>(n));
    CHECK(buffer.data()[n - 1] == std::byte{1});
#if defined(__linux__) && !defined(PROXYV_NO_LARGE_PAGES)
    if (system_has_large_pages()) CHECK(mapping_flags(buffer.data()).find(" hg ") != std::string::npos);
#endif
  }
  const auto small = host_buffer<std::byte>(bytes - 1);
  CHECK(reinterpret_cast<std::uintptr_t>(small.data()) % 64 == 0);
}

TEST_CASE("large pages: asking changes no contents and takes any range") {
  auto buffer = host_buffer<std::byte>(static_cast<index_t>(3 * page));
  std::memset(buffer.data(), 7, 3 * page);
  detail::ask_for_large_pages(buffer.data() + 1, 3 * page - 2);
  detail::ask_for_large_pages(nullptr, 0);
  index_t wrong = 0;
  for (const std::byte b : buffer.span()) wrong += b != std::byte{7};
  CHECK(wrong == 0);
}
