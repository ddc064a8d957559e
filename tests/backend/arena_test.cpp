#include "proxyv/backend/arena.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {
using HostFrame = Frame<float, HostSpace>;

struct alignas(256) Block {
  std::byte bytes[2048];
};
}  // namespace

TEST_CASE("arena: pieces are aligned, apart, and counted in whole steps") {
  Block block;
  Arena arena(block.bytes, sizeof block.bytes);
  CHECK(arena.available() == 2048);
  std::byte* a = arena.take(1);
  std::byte* b = arena.take(257);
  CHECK(a == block.bytes);
  CHECK(b == block.bytes + 256);
  CHECK(arena.used() == 768);
  CHECK(arena.take(0) == block.bytes + 768);
  CHECK(arena.used() == 768);
}

TEST_CASE("arena: frames nest like scopes, the peak stays") {
  Block block;
  Arena arena(block.bytes, sizeof block.bytes);
  {
    HostFrame outer(arena);
    auto first = outer.matrix(8, 8);
    CHECK(first.contiguous());
    CHECK(arena.used() == 256);
    {
      HostFrame inner(arena);
      auto second = inner.matrix(4, 80);
      CHECK(reinterpret_cast<std::byte*>(second.data()) == block.bytes + 256);
      auto ids = inner.span<std::int32_t>(3);
      CHECK(ids.size() == 3);
      CHECK(arena.used() == 256 + 1280 + 256);
    }
    CHECK(arena.used() == 256);
    CHECK(arena.take(1) == block.bytes + 256);
  }
  CHECK(arena.used() == 0);
  CHECK(arena.peak() == 1792);
}

TEST_CASE("arena: too small names what was needed and what there is, and stays usable") {
  Block block;
  Arena arena(block.bytes, 1000);  // three whole steps and a rest that nobody can have
  arena.take(256);
  try {
    arena.take(513);
    FAIL("nothing was thrown");
  } catch (const WorkspaceError& e) {
    CHECK(e.needed == 256 + 768);
    CHECK(e.available == 1000);
    CHECK(std::string(e.what()) == "arena: workspace too small: needed 1024 bytes, available 1000 bytes");
  }
  CHECK(arena.used() == 256);
  CHECK_NOTHROW(arena.take(512));
}

TEST_CASE("arena: sizes that would wrap are refused") {
  Block block;
  Arena arena(block.bytes, sizeof block.bytes);
  arena.take(256);
  const auto huge = std::numeric_limits<std::size_t>::max();
  CHECK_THROWS_AS(arena.take(huge), WorkspaceError);
  CHECK_THROWS_AS(arena.take(huge - 100), WorkspaceError);
  CHECK_THROWS_AS(arena.take(huge - 255), WorkspaceError);
  CHECK(arena.used() == 256);
  Arena counting;
  CHECK_THROWS_AS(counting.take(huge), WorkspaceError);
  HostFrame frame(arena);
  CHECK(error_of<ShapeError>([&] { frame.matrix(index_t{1} << 40, index_t{1} << 40); }) ==
        "frame: size [1099511627776, 1099511627776] overflows");
  CHECK(error_of<ShapeError>([&] { frame.matrix(-1, 4); }) == "frame: negative size [-1, 4]");
  CHECK(error_of<ShapeError>([&] { frame.span<float>(-1); }) == "frame: negative size -1");
}

TEST_CASE("arena: memory that is not aligned loses its ends, never its bounds") {
  Block block;
  Arena arena(block.bytes + 3, 1021);
  CHECK(arena.available() == 1021 - 253);
  CHECK(arena.take(768) == block.bytes + 256);
  CHECK_THROWS_AS(arena.take(1), WorkspaceError);
  Arena nothing(block.bytes + 3, 100);
  CHECK(nothing.available() == 0);
  CHECK_THROWS_AS(nothing.take(1), WorkspaceError);
  CHECK(Arena::block_bytes(0) == 0);
  CHECK(Arena::block_bytes(512) == 768);  // enough for 512 wherever the block starts
  for (std::size_t shift = 0; shift < 256; ++shift) CHECK(Arena(block.bytes + shift, Arena::block_bytes(512)).available() >= 512);
}

TEST_CASE("arena: without a block it only counts") {
  Arena arena;
  CHECK(arena.take(1000) == nullptr);
  CHECK(arena.take(std::size_t{1} << 50) == nullptr);
  CHECK(arena.peak() == (std::size_t{1} << 50) + 1024);
}
