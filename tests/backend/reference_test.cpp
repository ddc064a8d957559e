#include "proxyv/backend/reference.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using small::Matrix;

namespace {

using Args = AttentionArgs<float, HostSpace>;
constexpr float hole = std::numeric_limits<float>::quiet_NaN();  // not written yet, or not to be read

ReferenceBackend engine() { return ReferenceBackend({.workspace_bytes = 4096}); }

void check_values(const std::vector<float>& found, const std::vector<float>& wanted) {
  REQUIRE(found.size() == wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i);
    CHECK(found[i] == Approx(wanted[i]).margin(1e-6));
  }
}

std::vector<float> pooled(index_t crops, index_t side, index_t factor, const Matrix& x) {
  auto be = engine();
  const Grid grid{crops, side, factor};
  Matrix y(grid.pooled_rows(), x.cols, hole);
  be.bilinear_pool(x, y, grid);
  return y.values;
}

/// 1, 2, 3, ... in one column.
Matrix counting(index_t rows) {
  Matrix m(rows, 1);
  for (index_t i = 0; i < rows; ++i) m.view()(i, 0) = static_cast<float>(i + 1);
  return m;
}

/// One query 1 over keys 0 and ln 3: weights 1/4 and 3/4.
struct TwoKeys {
  Matrix q{1, 1, {1.f}}, keys{2, 1, {0.f, std::log(3.f)}}, values{2, 1, {4.f, 8.f}}, o{1, 1, hole};
};

}  // namespace

TEST_CASE("reference: gemm with bias, beta and activation") {
  auto be = engine();
  const Matrix x(2, 2, {1, 2, 3, 4}), w(3, 2, {1, 0, 0, 1, 1, 1}), bias(1, 3, {10, 20, 30});
  Matrix y(2, 3, hole);
  be.gemm(x, w.weight(), y, {});
  CHECK(y.values == std::vector<float>{1, 2, 3, 3, 4, 7});
  be.gemm(x, w.weight(), y, {.beta = 1.f, .bias = bias.span()});
  CHECK(y.values == std::vector<float>{12, 24, 36, 16, 28, 44});
  be.gemm(x, w.weight(), y, {.act = Act::silu});
  check_values({y.values[0], y.values[1]}, {0.7310585786f, 1.7615941559f});
}

TEST_CASE("reference: gemm on windows of larger matrices leaves the rest alone") {
  auto be = engine();
  const Matrix x(2, 4, {hole, 1, 2, hole, hole, 3, 4, hole}), w(1, 2, {1, 1});
  Matrix y(2, 3, -1.f);
  be.gemm(x.view().col_range(1, 2), w.weight(), y.view().col_range(1, 1), {});
  CHECK(y.values == std::vector<float>{-1, 3, -1, -1, 7, -1});
}

TEST_CASE("reference: gemm reads 16-bit weights at any address") {
  auto be = engine();
  const Matrix x(1, 2, {1, 10});
  const auto run = [&]<class T>(T) {
    alignas(8) std::byte bytes[9];
    const T w[4] = {from_float<T>(1.5f), from_float<T>(-2.f), from_float<T>(0.25f), from_float<T>(4.f)};
    std::memcpy(bytes + 1, w, sizeof w);
    Matrix y(1, 2);
    be.gemm(x, Weight<>(bytes + 1, dtype_of<T>, 2, 2), y, {});
    return y.values;
  };
  CHECK(run(bf16{}) == std::vector<float>{-18.5f, 40.25f});
  CHECK(run(f16{}) == std::vector<float>{-18.5f, 40.25f});
}

TEST_CASE("reference: product, over nothing it is zero") {
  auto be = engine();
  const Matrix x(2, 2, {1, 2, 3, 4}), z(2, 2, {5, 6, 7, 8});
  Matrix y(2, 2, hole);
  be.product(x, z, y, 0.f);
  CHECK(y.values == std::vector<float>{19, 22, 43, 50});
  be.product(x, z, y, 1.f);
  CHECK(y.values == std::vector<float>{38, 44, 86, 100});
  be.product(Matrix(2, 0), Matrix(0, 2), y, 0.f);
  CHECK(y.values == std::vector<float>(4, 0.f));
}

TEST_CASE("reference: norms, in place too") {
  auto be = engine();
  const Matrix gain(1, 2, {1, 10});
  Matrix x(2, 2, {3, 4, 0, 0});
  be.rms_norm(x.view(), gain.span(), x.view(), 0.01f);
  check_values(x.values, {3.f / std::sqrt(12.51f), 40.f / std::sqrt(12.51f), 0.f, 0.f});
  Matrix y(1, 4, {1, 2, 3, 4});
  const Matrix gain4(1, 4, {1, 1, 1, 2}), bias4(1, 4, {0, 0, 5, 0});
  be.layer_norm(y.view(), gain4.span(), bias4.span(), y.view(), 0.f);
  check_values(y.values, {-1.3416408f, -0.4472136f, 5.4472136f, 2.6832816f});
}

TEST_CASE("reference: rotary table and turn") {
  auto be = engine();
  const std::vector<std::int32_t> positions{0, 1, 100};
  Matrix table(3, 4, hole);
  be.rotary_table(small::span_of(positions), Rotary{4, 10000.0}, table);
  check_values(table.values, {1, 1, 0, 0, 0.5403023f, 0.9999500f, 0.8414710f, 0.0099998f, 0.8623189f, 0.5403023f, -0.5063656f, 0.8414710f});

  // A quarter turn of pair 0, none of pair 1, in both heads.
  Matrix x(1, 8, {1, 2, 3, 4, 5, 6, 7, 8});
  be.rotate(x, Matrix(1, 4, {0, 1, 1, 0}));
  CHECK(x.values == std::vector<float>{-3, 2, 1, 4, -7, 6, 5, 8});
}

TEST_CASE("reference: attention weighs values by the scores") {
  auto be = engine();
  TwoKeys t;
  Args args(Heads{1, 1, 1});
  args.add({.keys = t.keys, .values = t.values});
  be.attention(t.q, t.o, args);
  check_values(t.o.values, {7.f});

  // Split in two segments, the same.
  Args split(Heads{1, 1, 1});
  split.add({.keys = t.keys.view().row_range(0, 1), .values = t.values.view().row_range(0, 1)});
  split.add({.keys = t.keys.view().row_range(1, 1), .values = t.values.view().row_range(1, 1)});
  t.o.values[0] = hole;
  be.attention(t.q, t.o, split);
  check_values(t.o.values, {7.f});
}

TEST_CASE("reference: attention scales scores by the head size") {
  auto be = engine();
  // dot products 2 ln 3 and 0 over heads of 4: scores ln 3 and 0.
  const Matrix q(1, 4, {1, 1, 0, 0}), keys(2, 4, {std::log(3.f), std::log(3.f), 9, 9, 0, 0, 9, 9});
  const Matrix values(2, 4, {4, 0, 0, 0, 0, 8, 0, 0});
  Matrix o(1, 4, hole);
  Args args(Heads{1, 1, 4});
  args.add({.keys = keys, .values = values});
  be.attention(q, o, args);
  check_values(o.values, {3.f, 2.f, 0.f, 0.f});
}

TEST_CASE("reference: causal attention goes by position, equal positions see each other") {
  auto be = engine();
  const std::vector<std::int32_t> query_positions{5, 1, 4}, key_positions{4, 0, 5};
  const Matrix q(3, 1, 0.f), keys(3, 1, 0.f), values(3, 1, {100, 10, 1});
  Matrix o(3, 1, hole);
  Args args(Heads{1, 1, 1}, small::span_of(query_positions));
  args.add({.keys = keys, .values = values, .visible = Visible::causal, .positions = small::span_of(key_positions)});
  be.attention(q, o, args);
  check_values(o.values, {37.f, 10.f, 55.f});
}

TEST_CASE("reference: a mask by table; rows that see nothing are zero or the mean") {
  auto be = engine();
  const Matrix q(2, 1, 0.f), keys(2, 1, 0.f), values(2, 1, {2, 6});
  const std::vector<std::uint8_t> table{0, 1, 0, 0};
  Matrix o(2, 1, hole);
  for (const EmptyRow empty : {EmptyRow::zero, EmptyRow::uniform}) {
    Args args(Heads{1, 1, 1}, {}, empty);
    args.add({.keys = keys, .values = values, .visible = Visible::table, .table = {table.data(), 2, 2}});
    be.attention(q, o, args);
    check_values(o.values, {6.f, empty == EmptyRow::zero ? 0.f : 4.f});
  }
  be.attention(q, o, Args(Heads{1, 1, 1}));  // no keys at all
  CHECK(o.values == std::vector<float>{0.f, 0.f});
}

TEST_CASE("reference: what is hidden never shows, what is seen does") {
  auto be = engine();
  const std::vector<std::uint8_t> table{1, 0};
  const auto run = [&](float query, float key, float value) {
    const Matrix q(1, 1, {query}), keys(2, 1, {1.f, key}), values(2, 1, {3.f, value});
    Matrix o(1, 1);
    Args args(Heads{1, 1, 1});
    args.add({.keys = keys, .values = values, .visible = Visible::table, .table = {table.data(), 1, 2}});
    be.attention(q, o, args);
    return o.values[0];
  };
  CHECK(run(1.f, hole, hole) == 3.f);
  CHECK(std::isnan(run(hole, 1.f, 1.f)));  // not an empty row
}

TEST_CASE("reference: query heads share key/value heads in groups") {
  auto be = engine();
  const Matrix q(1, 4, 0.f), keys(1, 2, 0.f), values(1, 2, {3, 5});
  Matrix o(1, 4, hole);
  Args args(Heads{4, 2, 1});
  args.add({.keys = keys, .values = values});
  be.attention(q, o, args);
  CHECK(o.values == std::vector<float>{3, 3, 5, 5});
}

TEST_CASE("reference: swiglu") {
  auto be = engine();
  const Matrix x(2, 1, {1, -1}), gate(1, 1, {2}), up(1, 1, {3});
  Matrix y(2, 1, hole);
  be.swiglu(x, gate.weight(), up.weight(), y);
  check_values(y.values, {5.2847824f, 0.7152175f});
}

TEST_CASE("reference: bilinear pool is not a block mean") {
  CHECK(pooled(1, 4, 1, counting(16)) == counting(16).values);
  CHECK(pooled(1, 4, 2, counting(16)) == std::vector<float>{3.5f, 5.5f, 11.5f, 13.5f});
  CHECK(pooled(1, 6, 3, counting(36)) == std::vector<float>{8, 11, 26, 29});  // the centres
  CHECK(pooled(1, 8, 4, counting(64)) == std::vector<float>{14.5f, 18.5f, 46.5f, 50.5f});
  Matrix x(16, 1, 1000.f);  // factor 4: the outer ring does not count
  x.view()(5, 0) = 1, x.view()(6, 0) = 2, x.view()(9, 0) = 3, x.view()(10, 0) = 4;
  CHECK(pooled(1, 4, 4, x) == std::vector<float>{2.5f});
}

TEST_CASE("reference: pooling keeps crops and columns apart") {
  const Matrix x(8, 2, {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80});
  CHECK(pooled(2, 2, 2, x) == std::vector<float>{2.5f, 25.f, 6.5f, 65.f});
  CHECK(error_of<ShapeError>([&] { pooled(2, 2, 3, x); }) == "bilinear_pool: factor 3 does not divide the crop side 2");
  auto be = engine();
  Matrix narrow(2, 1);
  CHECK(error_of<ShapeError>([&] { be.bilinear_pool(x, narrow, Grid{2, 2, 2}); }) == "bilinear_pool: x has 2 columns, y 1");
}

TEST_CASE("reference: upsample copies each row to its block") {
  auto be = engine();
  const Matrix x(4, 1, {1, 2, 3, 4});
  Matrix y(16, 1, hole);
  be.upsample(x, y, Grid{1, 4, 2});
  CHECK(y.values == std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
  Matrix two(8, 1, hole);
  be.upsample(Matrix(2, 1, {7, 9}), two, Grid{2, 2, 2});
  CHECK(two.values == std::vector<float>{7, 7, 7, 7, 9, 9, 9, 9});
}

TEST_CASE("reference: softmax of rows, scaled, in place, without overflow") {
  auto be = engine();
  Matrix x(2, 3, {0, std::log(2.f), std::log(5.f), 1000, 1000, -1000});
  be.softmax_rows(x.view(), x.view(), 1.f, {}, EmptyRow::zero);
  check_values(x.values, {0.125f, 0.25f, 0.625f, 0.5f, 0.5f, 0.f});
  Matrix y(1, 2, {0, std::log(9.f)});
  be.softmax_rows(y.view(), y.view(), 0.5f, {}, EmptyRow::zero);
  check_values(y.values, {0.25f, 0.75f});
}

TEST_CASE("reference: softmax hides entries; rows without any are zero or uniform") {
  auto be = engine();
  const Matrix x(2, 4, {0, hole, std::log(3.f), hole, 1, 2, 3, hole});
  const std::vector<std::uint8_t> table{1, 0, 1, 0, 0, 0, 0, 0};
  Matrix y(2, 4, hole);
  be.softmax_rows(x, y, 1.f, {table.data(), 2, 4}, EmptyRow::zero);
  check_values(y.values, {0.25f, 0.f, 0.75f, 0.f, 0.f, 0.f, 0.f, 0.f});
  be.softmax_rows(x, y, 1.f, {table.data(), 2, 4}, EmptyRow::uniform);
  check_values(y.values, {0.25f, 0.f, 0.75f, 0.f, 0.25f, 0.25f, 0.25f, 0.25f});
}

TEST_CASE("reference: rows by number") {
  auto be = engine();
  const std::vector<std::int32_t> ids{2, 0, 2};
  const std::vector<bf16> table{to_bf16(1.f), to_bf16(2.f), to_bf16(3.f), to_bf16(4.f), to_bf16(5.f), to_bf16(6.f)};
  Matrix y(3, 2, hole);
  be.embed(Weight<>(table.data(), DType::bf16, 3, 2), small::span_of(ids), y);
  CHECK(y.values == std::vector<float>{5, 6, 1, 2, 5, 6});
  be.gather(Matrix(3, 2, {10, 20, 30, 40, 50, 60}), small::span_of(ids), y);
  CHECK(y.values == std::vector<float>{50, 60, 10, 20, 50, 60});
}

TEST_CASE("reference: sample needs its scratch and gives the token") {
  auto be = engine();
  const Matrix logits(1, 3, {1, 5, 2});
  std::vector<std::int32_t> next{-7};
  be.sample(logits, {}, 0, {next.data(), 1});
  CHECK(next[0] == 1);
  ReferenceBackend bare{HostOptions{}};
  next[0] = -7;
  CHECK_THROWS_AS(bare.sample(logits, {}, 0, {next.data(), 1}), WorkspaceError);
  CHECK(next[0] == -7);
}
