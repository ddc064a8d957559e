#include "proxyv/core/buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "support/catch.hpp"

using namespace proxyv;

namespace {

int releases = 0;
void* released_data = nullptr;
std::size_t released_bytes = 0;

void count_release(void* data, std::size_t bytes) noexcept {
  ++releases;
  released_data = data;
  released_bytes = bytes;
}

Buffer<float> counted(float* data, index_t size) {
  releases = 0;
  released_data = nullptr;
  released_bytes = 0;
  return {data, size, count_release};
}

struct OtherSpace {};

}  // namespace

TEST_CASE("buffers move and do not copy") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Buffer<float>>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<Buffer<float>>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Buffer<float>>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<Buffer<float>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Buffer<float>, Buffer<float, OtherSpace>>);
}

TEST_CASE("an empty buffer holds nothing and releases nothing") {
  const Buffer<float> buffer;
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.size() == 0);
  CHECK(buffer.span().empty());
  CHECK(buffer.matrix(0, 5).rows() == 0);
}

TEST_CASE("a buffer releases its memory once, with its size in bytes") {
  float data[3] = {};
  {
    const auto buffer = counted(data, 3);
    CHECK(buffer.data() == data);
    CHECK(releases == 0);
  }
  CHECK(releases == 1);
  CHECK(released_data == data);
  CHECK(released_bytes == 12);
}

TEST_CASE("moving hands the release over") {
  float data[2] = {};
  {
    auto first = counted(data, 2);
    {
      const auto second = std::move(first);
      CHECK(second.data() == data);
      CHECK(second.size() == 2);
      CHECK(first.data() == nullptr);
      CHECK(first.size() == 0);
    }
    CHECK(releases == 1);
  }
  CHECK(releases == 1);
}

TEST_CASE("assigning releases what was held before, and then the new memory once") {
  float old_data[4] = {};
  float new_data[2] = {};
  {
    auto buffer = counted(old_data, 4);
    buffer = Buffer<float>(new_data, 2, count_release);
    CHECK(releases == 1);
    CHECK(released_data == old_data);
    CHECK(released_bytes == 16);
    CHECK(buffer.data() == new_data);
  }
  CHECK(releases == 2);
  CHECK(released_data == new_data);
}

TEST_CASE("assigning a buffer to itself keeps it") {
  float data[2] = {};
  {
    auto buffer = counted(data, 2);
    auto& same = buffer;
    buffer = std::move(same);
    CHECK(buffer.data() == data);
    CHECK(releases == 0);
  }
  CHECK(releases == 1);
}

TEST_CASE("a buffer without a release function does not own") {
  float data[2] = {1, 2};
  { const Buffer<float> buffer(data, 2, nullptr); }
  CHECK(data[1] == 2);
}

TEST_CASE("swap exchanges memory, sizes and release functions") {
  float a[1] = {};
  float b[2] = {};
  auto first = counted(a, 1);
  Buffer<float> second(b, 2, nullptr);
  first.swap(second);
  CHECK(first.data() == b);
  CHECK(first.size() == 2);
  CHECK(second.data() == a);
  first = Buffer<float>();
  CHECK(releases == 0);
  second = Buffer<float>();
  CHECK(releases == 1);
}

TEST_CASE("a matrix of a buffer starts at its front and may leave a rest") {
  auto buffer = host_buffer<float>(7);
  const auto view = buffer.matrix(2, 3);
  CHECK(view.data() == buffer.data());
  CHECK(view.rows() == 2);
  CHECK(view.cols() == 3);
  CHECK(view.stride() == 3);
  CHECK(buffer.span().size() == 7);
}

TEST_CASE("a matrix larger than the buffer is refused") {
  const auto buffer = host_buffer<float>(5);
  CHECK_THROWS_AS(buffer.matrix(2, 3), ShapeError);
  CHECK_THROWS_WITH(buffer.matrix(2, 3), "Buffer: wanted [2, 3], holds 5 elements");
  CHECK_THROWS_WITH(buffer.matrix(-1, 3), "Buffer: negative size [-1, 3]");
  CHECK_THROWS_WITH(buffer.matrix(std::numeric_limits<index_t>::max(), 2),
                    "Buffer: size [9223372036854775807, 2] overflows");
}

TEMPLATE_TEST_CASE("host buffers are 64-byte aligned and usable to the last element", "", float, f16, bf16,
                   TokenId, std::uint8_t) {
  for (const index_t n : {index_t{0}, index_t{1}, index_t{3}, index_t{64}, index_t{1000}}) {
    const auto buffer = host_buffer<TestType>(n);
    REQUIRE(buffer.size() == n);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
    for (index_t i = 0; i < n; ++i) buffer.data()[i] = TestType{};
  }
}

TEST_CASE("a host buffer whose bytes overflow is refused before anything is allocated") {
  CHECK_THROWS_AS(host_buffer<float>(std::numeric_limits<index_t>::max()), ShapeError);
  CHECK_THROWS_WITH(host_buffer<float>(std::numeric_limits<index_t>::max()),
                    "host_buffer: 9223372036854775807 elements overflow");
  CHECK_THROWS_WITH(host_buffer<float>(-3), "host_buffer: negative size -3");
}
