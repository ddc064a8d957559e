#include "proxyv/backend/mask.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {
using Args = AttentionArgs<float, HostSpace>;
View<float> shape(index_t rows, index_t cols) { return {nullptr, rows, cols}; }
Span<const std::int32_t> positions(index_t n) { return {nullptr, n}; }
constexpr Heads heads{4, 2, 8};
}  // namespace

TEST_CASE("mask: head widths") {
  STATIC_REQUIRE(heads.query == 4);
  CHECK(heads.query_width() == 32);
  CHECK(heads.kv_width() == 16);
}

TEST_CASE("mask: keys of all segments count, four segments are the most") {
  Args args(heads);
  CHECK(args.keys() == 0);
  for (index_t n = 1; n <= 4; ++n) args.add({.keys = shape(n, 16), .values = shape(n, 16)});
  CHECK(args.keys() == 10);
  CHECK(args.count() == 4);
  CHECK(args[2].keys.rows() == 3);
  CHECK(error_of<ShapeError>([&] { args.add({}); }) == "attention: at most 4 key segments");
  CHECK_NOTHROW(args.check(shape(5, 32), shape(5, 32)));
}

TEST_CASE("mask: queries and output") {
  const Args args(heads);
  CHECK(error_of<ShapeError>([&] { args.check(shape(5, 31), shape(5, 31)); }) == "attention: queries [5, 31], wanted 32 columns");
  CHECK(error_of<ShapeError>([&] { args.check(shape(5, 32), shape(4, 32)); }) == "attention: output [4, 32], wanted [5, 32]");
  CHECK(error_of<ShapeError>([&] { Args(Heads{4, 3, 8}).check(shape(5, 32), shape(5, 32)); }) ==
        "attention: 4 query heads over 3 key/value heads of 8");
  for (const Heads bad : {Heads{0, 1, 8}, Heads{4, 0, 8}, Heads{4, 2, 0}, Heads{-4, -2, 8}})
    CHECK_THROWS_AS(Args(bad).check(shape(1, bad.query_width()), shape(1, bad.query_width())), ShapeError);
}

TEST_CASE("mask: segments") {
  const auto with = [](KeySegment<float, HostSpace> segment, index_t query_positions = 0) {
    Args args(heads, positions(query_positions));
    args.add(segment);
    return error_of<ShapeError>([&] { args.check(shape(5, 32), shape(5, 32)); });
  };
  CHECK(with({.keys = shape(3, 16), .values = shape(2, 16)}) ==
        "attention: keys [3, 16] and values [2, 16], wanted 16 columns and equal rows");
  CHECK(with({.keys = shape(3, 32), .values = shape(3, 16)}) ==
        "attention: keys [3, 32] and values [3, 16], wanted 16 columns and equal rows");
  CHECK(with({.keys = shape(3, 16), .values = shape(3, 16), .visible = Visible::causal, .positions = positions(2)}, 5) ==
        "attention: 3 keys with 2 positions");
  CHECK(with({.keys = shape(3, 16), .values = shape(3, 16), .visible = Visible::causal, .positions = positions(3)}, 4) ==
        "attention: 5 queries with 4 positions");
  CHECK(with({.keys = shape(3, 16), .values = shape(3, 16), .visible = Visible::table, .table = {nullptr, 3, 5}}) ==
        "attention: mask [3, 5], wanted [5, 3]");
  CHECK(with({.keys = shape(3, 16), .values = shape(3, 16), .visible = Visible::table, .table = {nullptr, 5, 3}}) == "nothing was thrown");
}

TEST_CASE("mask: a query of its own for each key, or none at all") {
  Args args(heads);
  args.add({.keys = shape(5, 16), .values = shape(5, 16), .visible = Visible::self});
  args.add({.keys = shape(7, 16), .values = shape(7, 16), .visible = Visible::none});
  args.add({.keys = shape(3, 16), .values = shape(3, 16)});
  CHECK_NOTHROW(args.check(shape(5, 32), shape(5, 32)));
  CHECK(args.keys() == 15);
  CHECK(args.pairs(5) == 5 * (1 + 0 + 3));
  CHECK(error_of<ShapeError>([&] { args.check(shape(4, 32), shape(4, 32)); }) ==
        "attention: 5 keys of which each query sees its own, 4 queries");
}

TEST_CASE("mask: the output stands apart from what attention reads") {
  std::vector<float> memory(400);
  const View<float> q(memory.data(), 5, 32), o(memory.data() + 160, 5, 32);
  Args args(heads);
  CHECK(error_of<ArgumentError>([&] { args.check(q, q); }) == "attention: the output overlaps the queries");
  args.add({.keys = {memory.data() + 159, 1, 16}, .values = {memory.data() + 320, 1, 16}});
  CHECK(error_of<ArgumentError>([&] { args.check(q, o); }) == "attention: the output overlaps the keys");
  Args other(heads);
  other.add({.keys = {memory.data() + 320, 1, 16}, .values = {memory.data() + 319, 1, 16}});
  CHECK(error_of<ArgumentError>([&] { other.check(q, o); }) == "attention: the output overlaps the values");
}
