#include "proxyv/eigen/backend.hpp"

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"
#include "thread_pool.hpp"

namespace {

std::atomic<int> allocations{0};

// Not inlined: GCC would see free() meet operator new and warn.
[[gnu::noinline]] void* counted(std::size_t bytes, std::size_t alignment) noexcept {
  ++allocations;
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment + alignment);
}
void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
  void* p = counted(bytes, alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void released(void* p) { std::free(p); }

}  // namespace

void* operator new(std::size_t n) { return counted_or_throw(n, 16); }
void* operator new[](std::size_t n) { return counted_or_throw(n, 16); }
void* operator new(std::size_t n, std::align_val_t a) {
  return counted_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return counted_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return counted(n, 16); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return counted(n, 16); }
void operator delete(void* p) noexcept { released(p); }
void operator delete[](void* p) noexcept { released(p); }
void operator delete(void* p, std::size_t) noexcept { released(p); }
void operator delete[](void* p, std::size_t) noexcept { released(p); }
void operator delete(void* p, std::align_val_t) noexcept { released(p); }
void operator delete[](void* p, std::align_val_t) noexcept { released(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { released(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { released(p); }

using namespace eigen_test;

namespace {

/// Every op once, with few rows and with many.
struct EveryOp {
  Block few = Block(2, 64, 1), many = Block(70, 64, 2), w = Block(64, 64, 3, 0), few_out = Block(2, 64, 4),
        many_out = Block(70, 64, 5), pooled = Block(2, 64, 6);
  RawWeight half = RawWeight(64, 64, DType::bf16, 7), quarter = RawWeight(64, 64, DType::f16, 8);
  std::vector<std::int32_t> positions = std::vector<std::int32_t>(70, 3),
                            token = std::vector<std::int32_t>(1);
  std::vector<std::uint8_t> table = std::vector<std::uint8_t>(70 * 64, 1);
  Block rotary = Block(70, 16, 9);

  void operator()(EigenBackend& be) {
    for (bool tall : {false, true}) {
      const View<const float> x = tall ? many.in() : few.in();
      const View<float> y = tall ? many_out.view() : few_out.view();
      const auto n = x.rows();
      const Span<const float> gain(w.in().data(), 64);
      const Span<const std::int32_t> ids(positions.data(), n);
      be.gemm(x, Weight<>(w.in()), y, {Act::gelu, 1.f, gain});
      be.gemm(x, half.weight, y, {});
      be.gemm(x, quarter.weight, y, {});
      be.product(x, w.in(), y, 0.f);
      be.rms_norm(x, gain, y, 1e-5f);
      be.layer_norm(x, gain, gain, y, 1e-5f);
      be.rotary_table(ids, {16, 1e4}, rotary.view().row_range(0, n));
      be.rotate(y, rotary.in().row_range(0, n));
      be.swiglu(x, half.weight, quarter.weight, y);
      be.softmax_rows(x, y, 1.f, {table.data(), n, 64}, EmptyRow::zero);
      be.embed(half.weight, ids, y);
      be.gather(x.row_range(0, 2), {positions.data() + 70, 0}, y.row_range(0, 0));
      detail::HostAttention args({4, 2, 16}, ids);
      args.add({many.in().col_range(0, 32),
                many.in().col_range(32, 32),
                Visible::causal,
                {positions.data(), 70},
                {}});
      be.attention(x, y, args);
    }
    const Grid grid{1, 8, 8};
    be.bilinear_pool(many.in().row_range(0, 64), pooled.view().row_range(0, 1), grid);
    be.upsample(pooled.in().row_range(0, 1), many_out.view().row_range(0, 64), grid);
    be.sample(few.in().row_range(0, 1), {0.8f, 5, 0.9f, 1}, 3, {token.data(), 1});
  }
};

}  // namespace

namespace {

/// A pool that counts how often it is asked.
struct CountingPool {
  ThreadPool threads;
  int calls = 0;

  template <class F>
  void run(int parts, const F& f) {
    ++calls;
    threads.run(parts, f);
  }
};

/// Each op that splits its work, by name, at a size where it does.
struct SplitOps {
  Block x = Block(700, 64, 1), y = Block(700, 64, 2), wide = Block(64, 700, 3), rotary = Block(700, 16, 4),
        scores = Block(8, 700, 5), pooled = Block(700 / 4, 64, 6), row = Block(2, 700, 7), few = Block(2, 600, 8);
  RawWeight w = RawWeight(64, 64, DType::bf16, 9), tall = RawWeight(600, 700, DType::f32, 10);
  std::vector<std::int32_t> positions = std::vector<std::int32_t>(700);
  std::vector<std::vector<float>> results;

  detail::HostAttention keys() {
    detail::HostAttention args({4, 2, 16}, {positions.data(), 700});
    args.add({x.in().col_range(0, 32), x.in().col_range(32, 32), Visible::causal, {positions.data(), 700}, {}});
    return args;
  }

  /// after(name) is called after each op.
  template <class After>
  void operator()(EigenBackend& be, After&& after) {
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int32_t>(i % 64);
    const Span<const float> gain(wide.in().data(), 64);
    const Span<const std::int32_t> ids(positions.data(), 700);
    const auto done = [&](const char* name, const Block& out) {
      results.push_back(out.memory);
      after(name);
    };
    be.gemm(x.in(), w.weight, y.view(), {Act::gelu, 1.f, gain}), done("gemm", y);
    be.gemm(row.in(), tall.weight, few.view(), {}), done("gemm, few rows", few);
    be.product(x.in(), x.in().row_range(0, 64), y.view(), 0.f), done("product", y);
    be.rms_norm(x.in(), gain, y.view(), 1e-5f), done("rms_norm", y);
    be.layer_norm(x.in(), gain, gain, y.view(), 1e-5f), done("layer_norm", y);
    be.rotary_table(ids, {16, 1e4}, rotary.view()), done("rotary_table", rotary);
    be.rotate(y.view(), rotary.in()), done("rotate", y);
    be.swiglu(x.in(), w.weight, w.weight, y.view()), done("swiglu", y);
    be.softmax_rows(x.in(), y.view(), 1.f, {}, EmptyRow::zero), done("softmax_rows", y);
    be.embed(w.weight, ids, y.view()), done("embed", y);
    be.gather(x.in(), ids, y.view()), done("gather", y);
    be.attention(x.in(), y.view(), keys()), done("attention", y);
    auto one = keys();
    one.query_positions = one.query_positions.first(2);
    be.attention(x.in().row_range(0, 2), y.view().row_range(0, 2), one), done("attention, few queries", y);
    be.attention_weights(x.in().row_range(0, 2), one, scores.view()), done("attention_weights", scores);
    const Grid grid{7, 10, 2};
    be.bilinear_pool(x.in(), pooled.view(), grid), done("bilinear_pool", pooled);
    be.upsample(pooled.in(), y.view(), grid), done("upsample", y);
  }
};

}  // namespace

TEST_CASE("backend: with a pool of the caller's every op that splits its work asks it, allocates nothing, gives the same bits") {
  SplitOps alone, pooled;
  auto single = engine(1);
  alone(single, [](const char*) {});

  CountingPool mine{ThreadPool(3)};
  EigenBackend be(HostOptions{.threads = 3, .workspace_bytes = 1 << 20, .pool = host_pool(mine)});
  CHECK(mine.calls == 0);
  pooled.results.reserve(alone.results.size());
  int before = mine.calls;
  pooled(be, [&](const char* name) {
    INFO(name);
    CHECK(mine.calls > before);
    before = mine.calls;
  });
  CHECK(alone.results == pooled.results);
}

TEST_CASE("backend: a pool costs no allocation") {
  CountingPool mine{ThreadPool(2)};
  EigenBackend be(HostOptions{.threads = 2, .workspace_bytes = 1 << 20, .pool = host_pool(mine)});
  EveryOp ops;
  const int before = allocations;
  ops(be);
  CHECK(allocations == before);
  CHECK(mine.calls > 0);
}

TEST_CASE("backend: ops never allocate, the first time neither") {
  for (int threads : {1, 3}) {
    auto be = engine(threads);
    EveryOp ops;
    const int before = allocations;
    ops(be);
    CHECK(allocations == before);
    CHECK(be.workspace_peak() > 0);
  }
}

TEST_CASE("backend: private_bytes is what an engine takes besides its workspace") {
  CHECK(EigenBackend::private_bytes(2) == 2 * EigenBackend::private_bytes(1));
  CHECK(EigenBackend::private_bytes(1) > (1u << 20));
  CHECK(EigenBackend::private_bytes(1) < (4u << 20));
}

TEST_CASE("backend: engines on their own threads do not meet") {
  EveryOp one, two;
  auto first = engine(2), second = engine(2);
  std::thread other([&] { two(second); });
  one(first);
  other.join();
  CHECK(one.many_out.memory == two.many_out.memory);
  CHECK(one.token == two.token);
}

TEST_CASE("backend: an engine can be moved") {
  auto be = engine(2);
  EigenBackend moved = std::move(be);
  EveryOp one, two;
  one(moved);
  auto fresh = engine(1);
  two(fresh);
  CHECK(one.few_out.memory == two.few_out.memory);
}

TEST_CASE("backend: refuses in the contract's words") {
  auto be = engine();
  Block x(3, 4, 1), y(3, 5, 2);
  CHECK_THROWS_WITH(be.rms_norm(x.in(), {x.memory.data(), 4}, y.view(), 0.f),
                    "rms_norm: x [3, 4], y [3, 5], wanted equal shapes");
  CHECK_THROWS_AS(be.product(x.in(), x.in(), y.view(), 0.f), ShapeError);
  CHECK_THROWS_WITH(be.bilinear_pool(x.in(), y.view(), {1, 4, 3}),
                    "bilinear_pool: factor 3 does not divide the crop side 4");
  CHECK_THROWS_AS(EigenBackend(HostOptions{0, 0, {}}), ArgumentError);
}
