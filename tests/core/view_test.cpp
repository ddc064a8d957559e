#include "proxyv/core/view.hpp"

#include <array>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

using namespace proxyv;

namespace {

struct OtherSpace {};
constexpr auto max_index = std::numeric_limits<index_t>::max();

/// 0, 1, 2, ...
std::array<float, 24> numbers() {
  std::array<float, 24> out{};
  std::iota(out.begin(), out.end(), 0.0f);
  return out;
}

}  // namespace

TEST_CASE("a view without gaps reads row after row") {
  auto data = numbers();
  const View<float> view(data.data(), 4, 6);
  CHECK(view.rows() == 4);
  CHECK(view.cols() == 6);
  CHECK(view.stride() == 6);
  CHECK(view.size() == 24);
  CHECK(view.contiguous());
  CHECK_FALSE(view.empty());
  CHECK(view(0, 0) == 0);
  CHECK(view(2, 3) == 15);
  CHECK(view.row(3) == data.data() + 18);
}

TEST_CASE("a view with a row stride skips the rest of each row") {
  auto data = numbers();
  const View<float> view(data.data() + 1, 3, 4, 8);
  CHECK(view(0, 0) == 1);
  CHECK(view(1, 0) == 9);
  CHECK(view(2, 3) == 20);
  CHECK(view.size() == 12);
  CHECK_FALSE(view.contiguous());
  view(1, 2) = -1;
  CHECK(data[11] == -1);
}

TEST_CASE("one row, or none, is contiguous whatever its stride") {
  auto data = numbers();
  CHECK(View<float>(data.data(), 1, 4, 8).contiguous());
  CHECK(View<float>(data.data(), 0, 4, 8).contiguous());
  CHECK_FALSE(View<float>(data.data(), 2, 4, 8).contiguous());
}

TEST_CASE("empty views") {
  const View<float> none;
  CHECK(none.data() == nullptr);
  CHECK(none.empty());
  CHECK(none.size() == 0);
  CHECK(View<float>(nullptr, 0, 7).empty());
  CHECK(View<float>(nullptr, 7, 0).empty());
  CHECK(none.row_range(0, 0).empty());
  CHECK(none.col_range(0, 0).empty());
  CHECK(View<float>(nullptr, 0, 7).col_range(3, 4).data() == nullptr);
}

TEST_CASE("a view of negative sizes or of a stride shorter than its rows is refused") {
  auto data = numbers();
  CHECK_THROWS_AS(View<float>(data.data(), -1, 4), ShapeError);
  CHECK_THROWS_WITH(View<float>(data.data(), -1, 4), "View: shape [-1, 4] with row stride 4");
  CHECK_THROWS_WITH(View<float>(data.data(), 4, -1), "View: shape [4, -1] with row stride -1");
  CHECK_THROWS_WITH(View<float>(data.data(), 2, 4, 3), "View: shape [2, 4] with row stride 3");
  CHECK_THROWS_WITH(View<float>(data.data(), 2, 4, -4), "View: shape [2, 4] with row stride -4");
}

TEST_CASE("row ranges") {
  auto data = numbers();
  const View<float> view(data.data(), 4, 3, 6);
  const auto part = view.row_range(1, 2);
  CHECK(part.rows() == 2);
  CHECK(part.cols() == 3);
  CHECK(part.stride() == 6);
  CHECK(part(0, 0) == 6);
  CHECK(part(1, 2) == 14);
  CHECK(view.row_range(4, 0).empty());
  CHECK(view.row_range(0, 4).rows() == 4);
}

TEST_CASE("row ranges past the view are refused, also when begin + count wraps") {
  auto data = numbers();
  const View<float> view(data.data(), 4, 6);
  CHECK_THROWS_AS(view.row_range(3, 2), ShapeError);
  CHECK_THROWS_WITH(view.row_range(3, 2), "View: rows 3+2 of [4, 6]");
  CHECK_THROWS_WITH(view.row_range(5, 0), "View: rows 5+0 of [4, 6]");
  CHECK_THROWS_WITH(view.row_range(-1, 1), "View: rows -1+1 of [4, 6]");
  CHECK_THROWS_WITH(view.row_range(0, -1), "View: rows 0+-1 of [4, 6]");
  CHECK_THROWS_AS(view.row_range(max_index, 2), ShapeError);
  CHECK_THROWS_AS(view.row_range(2, max_index), ShapeError);
}

TEST_CASE("column ranges keep the stride") {
  auto data = numbers();
  const View<float> view(data.data(), 4, 6);
  const auto left = view.col_range(0, 3);
  const auto right = view.col_range(3, 3);
  CHECK(right.rows() == 4);
  CHECK(right.cols() == 3);
  CHECK(right.stride() == 6);
  CHECK_FALSE(right.contiguous());
  CHECK(left(1, 0) == 6);
  CHECK(right(1, 0) == 9);
  CHECK(right(3, 2) == 23);
  CHECK(view.col_range(6, 0).empty());
}

TEST_CASE("column ranges past the view are refused, also when begin + count wraps") {
  auto data = numbers();
  const View<float> view(data.data(), 4, 6);
  CHECK_THROWS_AS(view.col_range(4, 3), ShapeError);
  CHECK_THROWS_WITH(view.col_range(4, 3), "View: columns 4+3 of [4, 6]");
  CHECK_THROWS_WITH(view.col_range(-1, 3), "View: columns -1+3 of [4, 6]");
  CHECK_THROWS_WITH(view.col_range(1, -3), "View: columns 1+-3 of [4, 6]");
  CHECK_THROWS_AS(view.col_range(max_index, max_index), ShapeError);
}

TEST_CASE("a range of a range") {
  auto data = numbers();
  const auto part = View<float>(data.data(), 4, 6).row_range(1, 3).col_range(2, 3).row_range(2, 1);
  CHECK(part.rows() == 1);
  CHECK(part(0, 1) == 21);
}

TEST_CASE("mutable views become const ones, never the other way") {
  auto data = numbers();
  const View<float> view(data.data(), 4, 6, 6);
  const View<const float> read = view;
  CHECK(read(3, 5) == 23);
  STATIC_REQUIRE(std::is_convertible_v<View<float>, View<const float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<View<float>, View<const float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<View<double>, View<float>>);
}

TEST_CASE("views of different spaces do not meet") {
  STATIC_REQUIRE_FALSE(std::is_constructible_v<View<float, OtherSpace>, View<float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<View<float>, View<float, OtherSpace>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Span<const float, OtherSpace>, Span<float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Weight<OtherSpace>, View<float>>);
}

TEST_CASE("static sizes become dynamic ones silently, the way back is explicit") {
  using Static = View<float, HostSpace, 4, 6>;
  using Dynamic = View<float>;
  STATIC_REQUIRE(std::is_convertible_v<Static, Dynamic>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Dynamic, Static>);
  STATIC_REQUIRE(std::is_constructible_v<Static, Dynamic>);
  STATIC_REQUIRE(std::is_convertible_v<Static, View<const float, HostSpace, dyn, 6>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<View<float, HostSpace, 5, 6>, Static>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<View<float, HostSpace, dyn, 7>, Static>);

  auto data = numbers();
  const Static fixed(data.data(), 4, 6);
  const Dynamic view = fixed;
  CHECK(view.rows() == 4);
  CHECK(view.cols() == 6);
  const Static back(view);
  CHECK(back(1, 1) == 7);
}

TEST_CASE("the way back from dynamic to static sizes is checked") {
  using Static = View<float, HostSpace, 4, 6>;
  auto data = numbers();
  const View<float> view(data.data(), 3, 6);
  CHECK_THROWS_AS(Static(view), ShapeError);
  CHECK_THROWS_WITH(Static(view), "View: wanted a static size of 4, found 3");
  CHECK_THROWS_WITH(Static(data.data(), 4, 5, 6), "View: wanted a static size of 6, found 5");
  CHECK_THROWS_AS((View<float, HostSpace, dyn, 5>(view)), ShapeError);
}

TEST_CASE("static sizes take no room") {
  STATIC_REQUIRE(sizeof(View<float, HostSpace, 4, 6>) < sizeof(View<float>));
  STATIC_REQUIRE(std::is_trivially_copyable_v<View<float>>);
}

TEST_CASE("a range of a static view is dynamic in that direction only") {
  auto data = numbers();
  const View<float, HostSpace, 4, 6> view(data.data(), 4, 6);
  STATIC_REQUIRE(std::is_same_v<decltype(view.row_range(0, 1)), View<float, HostSpace, dyn, 6>>);
  STATIC_REQUIRE(std::is_same_v<decltype(view.col_range(0, 1)), View<float, HostSpace, 4, dyn>>);
  CHECK(view.row_range(1, 2)(0, 0) == 6);
}

TEST_CASE("views work at compile time") {
  constexpr auto middle = [] {
    float data[6] = {0, 1, 2, 3, 4, 5};
    return View<float>(data, 2, 3).col_range(1, 1)(1, 0);
  }();
  STATIC_REQUIRE(middle == 4);
}

TEST_CASE("spans read, part and iterate") {
  auto data = numbers();
  const Span<float> span(data.data(), 5);
  CHECK(span.size() == 5);
  CHECK_FALSE(span.empty());
  CHECK(span[4] == 4);
  CHECK(span.first(2).size() == 2);
  CHECK(span.part(2, 3)[0] == 2);
  CHECK(span.part(5, 0).empty());
  float sum = 0;
  for (const float x : span) sum += x;
  CHECK(sum == 10);
  const Span<const float> read = span;
  CHECK(read.data() == data.data());
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Span<float>, Span<const float>>);
}

TEST_CASE("an empty span") {
  const Span<float> span;
  CHECK(span.data() == nullptr);
  CHECK(span.empty());
  CHECK(span.part(0, 0).data() == nullptr);
  CHECK(span.begin() == span.end());
}

TEST_CASE("spans of a negative size and parts past the end are refused") {
  auto data = numbers();
  const Span<float> span(data.data(), 5);
  CHECK_THROWS_AS(Span<float>(data.data(), -1), ShapeError);
  CHECK_THROWS_WITH(Span<float>(data.data(), -1), "Span: negative size -1");
  CHECK_THROWS_WITH(span.part(3, 3), "Span: part 3+3 of 5");
  CHECK_THROWS_WITH(span.part(6, 0), "Span: part 6+0 of 5");
  CHECK_THROWS_WITH(span.part(-1, 1), "Span: part -1+1 of 5");
  CHECK_THROWS_WITH(span.first(6), "Span: part 0+6 of 5");
  CHECK_THROWS_AS(span.part(1, max_index), ShapeError);
}

TEST_CASE("a weight knows its type at run time") {
  std::array<bf16, 6> data{};
  const Weight<> weight(data.data(), DType::bf16, 2, 3);
  CHECK(weight.type() == DType::bf16);
  CHECK(weight.rows() == 2);
  CHECK(weight.cols() == 3);
  CHECK(weight.bytes() == 12);
  CHECK(weight.present());
  CHECK_FALSE(Weight<>().present());
}

TEST_CASE("a weight from a view takes its type, shape and address") {
  auto data = numbers();
  const Weight<> weight(View<const float>(data.data(), 4, 6));
  CHECK(weight.data() == data.data());
  CHECK(weight.type() == DType::f32);
  CHECK(weight.bytes() == 96);
  std::array<f16, 4> halves{};
  CHECK(Weight<>(View<f16>(halves.data(), 2, 2)).type() == DType::f16);
}

TEST_CASE("a weight's rows may not have gaps, its sizes not be negative") {
  auto data = numbers();
  CHECK_THROWS_AS(Weight<>(View<float>(data.data(), 2, 4, 6)), ShapeError);
  CHECK_THROWS_WITH(Weight<>(View<float>(data.data(), 2, 4, 6)),
                    "Weight: rows must have no gaps, stride is 6");
  CHECK_THROWS_WITH(Weight<>(data.data(), DType::f32, -2, 4), "Weight: negative size [-2, 4]");
  CHECK_NOTHROW(Weight<>(View<float>(data.data(), 1, 4, 6)));
}

TEST_CASE("rows of a weight step by its element size") {
  std::array<bf16, 12> data{};
  const Weight<> weight(data.data(), DType::bf16, 4, 3);
  const auto part = weight.row_range(1, 2);
  CHECK(part.data() == data.data() + 3);
  CHECK(part.rows() == 2);
  CHECK(part.cols() == 3);
  CHECK(part.type() == DType::bf16);
  CHECK_THROWS_WITH(weight.row_range(3, 2), "Weight: rows 3+2 of [4, 3]");
  CHECK_THROWS_WITH(weight.row_range(-1, 1), "Weight: rows -1+1 of [4, 3]");
  CHECK_THROWS_AS(weight.row_range(1, max_index), ShapeError);
  CHECK(Weight<>().row_range(0, 0).data() == nullptr);
}

TEST_CASE("a packed weight counts whole panels and pairs of columns, and is cut at panels alone") {
  const auto weight = Weight<>::in_panels(nullptr, DType::bf16, 10, 3, 4);
  CHECK(weight.packed());
  CHECK(weight.panel() == 4);
  CHECK(weight.stored_cols() == 4);
  CHECK(weight.bytes() == 12 * 4 * 2);
  CHECK_FALSE(Weight<>(nullptr, DType::bf16, 10, 3).packed());
  CHECK(Weight<>(nullptr, DType::bf16, 10, 3).bytes() == 60);

  std::array<bf16, 48> data{};
  const auto held = Weight<>::in_panels(data.data(), DType::bf16, 10, 3, 4);
  CHECK(held.row_range(4, 4).data() == data.data() + 16);
  CHECK(held.row_range(4, 6).rows() == 6);
  CHECK(held.row_range(4, 6).panel() == 4);
  CHECK_THROWS_WITH(held.row_range(2, 4), "Weight: rows 2+4 of [10, 3] packed in panels of 4, wanted whole panels");
  CHECK_THROWS_WITH(held.row_range(4, 5), "Weight: rows 4+5 of [10, 3] packed in panels of 4, wanted whole panels");
  CHECK_THROWS_AS(held.row_range(8, 4), ShapeError);
  CHECK_THROWS_WITH(Weight<>::in_panels(nullptr, DType::f32, 1, 1, 0), "Weight: panels of 0 rows, wanted at least 1");
}

TEST_CASE("a contiguous container becomes a span") {
  std::vector<int> numbers{1, 2, 3};
  const std::array<int, 2> two{4, 5};
  const proxyv::Span<const int> read = numbers, pair = two;
  const proxyv::Span<int> write = numbers;
  write[1] = 7;
  CHECK(read.size() == 3);
  CHECK(read[1] == 7);
  CHECK(pair[1] == 5);
  static_assert(!std::is_constructible_v<proxyv::Span<int>, const std::vector<int>&>);    // const stays const
  static_assert(!std::is_constructible_v<proxyv::Span<const int>, std::vector<int>&&>);   // no span of a temporary
  static_assert(!std::is_constructible_v<proxyv::Span<const int>, std::vector<long>&>);
}
