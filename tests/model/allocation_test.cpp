// Prefill and decode never allocate, and need exactly the workspace that was planned.
//
// This file replaces the global operator new of its program with one that counts.
#include "model/tiny.hpp"
#include "proxyv/eigen.hpp"
#include "proxyv/reduce/drop_stack.hpp"
#include "support/catch.hpp"
#include "support/counting_new.hpp"

using namespace tiny;

namespace {

/// Allocations of any thread while f runs.
template <class F>
int allocations_of(F&& f) {
  counting_new::begin();
  f();
  return counting_new::end();
}

template <class B, template <class, class> class Pool, template <class, class> class Update>
using Model = Decoder<B, RuntimeConfig, Stack<dyn, DecoderLayer>, ProxyStack<dyn, Pool, Update>>;

template <class B, class M>
void never_allocates(const RuntimeConfig& c, HostOptions how) {
  B be(how);
  const auto model = random_decoder<M>(be, c, 9);
  const Question q(model, {1, image, 2, image, 3}, {{2}, {1}});
  KvCache<B> cache(be, model.cache_shape(128));
  Matrix logits(1, c.vocab);
  const std::vector<TokenId> more(70, 4);
  std::vector<std::int32_t> next(1);

  CHECK(allocations_of([&] { model.prefill(be, {q.layout, q.features}, cache, logits); }) == 0);
  CHECK(allocations_of([&] { model.append(be, small::span_of(more).first(1), cache, logits); }) == 0);
  CHECK(allocations_of([&] { model.append(be, small::span_of(more).part(1, 69), cache, logits); }) == 0);
  CHECK(allocations_of([&] { be.sample(logits, {.temperature = 1.f, .top_p = 0.9f}, 0, {next.data(), 1}); }) == 0);
  CHECK(next[0] >= 0);
}

template <class B>
void workspace_is_exact() {
  B start(options());
  const auto model = random_decoder<ProxyDecoder<B>>(start, config(2), 9);
  const Question q(model, {1, image, 2, 3}, {{2}});
  const std::size_t prefill_needs = model.plan_prefill(q.layout).workspace, append_needs = model.plan_append(q.layout.rows(), 4).workspace;
  REQUIRE(append_needs < prefill_needs);
  const std::vector<TokenId> more{1, 2, 3, 4};

  Workspace enough(prefill_needs);
  B be(enough.options());
  KvCache<B> cache(be, model.cache_shape(64));
  Matrix logits(1, 32);
  model.prefill(be, {q.layout, q.features}, cache, logits);
  CHECK(be.workspace_peak() == prefill_needs);
  CHECK(be.workspace_available() == prefill_needs);

  Workspace less(prefill_needs - 1);
  B tight(less.options());
  KvCache<B> untouched(tight, model.cache_shape(64));
  for (index_t layer = 0; layer < 4; ++layer)
    for (auto plane : {untouched.keys(layer, 0, 64), untouched.values(layer, 0, 64)})
      for (index_t i = 0; i < 64; ++i) std::fill_n(plane.row(i), plane.cols(), 5.f);
  Matrix before(1, 32, 7.f);
  try {
    model.prefill(tight, {q.layout, q.features}, untouched, before);
    FAIL("nothing was thrown");
  } catch (const WorkspaceError& e) {
    CHECK(e.needed == prefill_needs);
    CHECK(e.available == prefill_needs - 1);
    CHECK(std::string(e.what()) == "decoder: workspace too small: needed " + std::to_string(prefill_needs) + " bytes, available " +
                                       std::to_string(prefill_needs - 1) + " bytes");
  }
  CHECK(before.values == std::vector<float>(32, 7.f));
  CHECK(untouched.length() == 0);
  CHECK(tight.workspace_peak() == 0);
  for (index_t layer = 0; layer < 4; ++layer) CHECK(small::values(untouched.keys(layer, 0, 64)) == std::vector<float>(64 * 8, 5.f));

  Workspace for_append(append_needs), not_for_append(append_needs - 1);
  B fits(for_append.options()), misses(not_for_append.options());
  const auto length = cache.length();
  const auto old = logits.values;
  CHECK(small::error_of<WorkspaceError>([&] { model.append(misses, small::span_of(more), cache, logits); }) ==
        "decoder: workspace too small: needed " + std::to_string(append_needs) + " bytes, available " + std::to_string(append_needs - 1) + " bytes");
  CHECK(misses.workspace_peak() == 0);
  CHECK(cache.length() == length);
  CHECK(small::same_bits(logits.values, old));
  model.append(fits, small::span_of(more), cache, logits);
  CHECK(cache.length() == length + 4);
  CHECK(fits.workspace_peak() == append_needs);
}

}  // namespace

TEST_CASE("allocation: the counter counts") {
  CHECK(allocations_of([] { ::operator delete(::operator new(10)); }) == 1);
  CHECK(allocations_of([] { host_buffer<float>(10); }) == 1);
  CHECK(allocations_of([] {}) == 0);
}

TEST_CASE("allocation: none in prefill and decode, reference engine") {
  never_allocates<ReferenceBackend, Model<ReferenceBackend, BilinearPool, VisionUpdate>>(config(2), options());
  never_allocates<ReferenceBackend, Model<ReferenceBackend, LearnedPool, SplatUpdate>>(config(2, true), options());
}

TEST_CASE("allocation: none in prefill and decode, Eigen engine") {
  never_allocates<EigenBackend, Model<EigenBackend, BilinearPool, VisionUpdate>>(config(2), options());
  never_allocates<EigenBackend, Model<EigenBackend, LearnedPool, SplatUpdate>>(config(2, true), {.threads = 2, .workspace_bytes = 1 << 20});
}

TEMPLATE_TEST_CASE("allocation: none where tokens are dropped on the way", "", ReferenceBackend, EigenBackend) {
  RuntimeConfig c = config(4);
  for (const DropSchedule& drops : {DropSchedule::pyramid_drop({1, 3}, {0.5, 0.25}), DropSchedule::fast_v(2, 0.5)}) {
    c.reduction.drops = drops;
    never_allocates<TestType, ReducedDecoder<TestType>>(c, options());
  }
  c = config(2, true);
  c.reduction.drops = DropSchedule::pyramid_drop({1}, {0.5});
  c.reduction.drops.per_crop = true;
  never_allocates<TestType, ReducedProxyDecoder<TestType>>(c, options());
}

TEST_CASE("allocation: the planned workspace is enough and one byte less is refused before anything is computed") {
  workspace_is_exact<ReferenceBackend>();
  workspace_is_exact<EigenBackend>();
}
