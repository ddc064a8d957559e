// EigenBackend: the CPU engine. It checks shapes, hands out its scratch, and calls this folder's ops.
#pragma once

#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/host_storage.hpp"
#include "proxyv/backend/packed.hpp"
#include "proxyv/eigen/level.hpp"
#include "proxyv/eigen/ops.hpp"

namespace proxyv::inline v0 {

/// Float tensors in ordinary memory, kernels chosen when it is made by what the CPU has
/// (level.hpp; nothing need be asked of the compiler). Threads are those of HostOptions::pool, or OpenMP's
/// when the program is compiled with it. Results depend neither on their number nor on whose they are.
/// Allocates at construction only: the workspace, and `private_bytes` of scratch.
class EigenBackend : public HostStorage {
 public:
  /// With the kernels of the highest level that this CPU has, unless a level is asked for. Throws ArgumentError when
  /// the CPU lacks the level, or the level lacks the precision.
  explicit EigenBackend(const HostOptions& options, CpuLevel level = default_cpu_level(), Precision precision = Precision::f32)
      : HostStorage(options),
        level_(level),
        precision_(precision),
        kernels_(&detail::Ops::kernels(level)),
        block_(host_buffer<float>(threads() * detail::Scratch::floats)),
        scratch_(host_buffer<detail::Scratch>(threads())) {
    const bool pairs = precision == Precision::bf16_products;
    PROXYV_CHECK(!pairs || kernels_->tile_pairs != nullptr, ArgumentError, "engine: bf16 products want the level ",
                 cpu_level_name(CpuLevel::avx512bf16), ", this engine has ", cpu_level_name(level));
    for (int t = 0; t < threads(); ++t) scratch_.data()[t] = {block_.data() + t * detail::Scratch::floats, kernels_, pairs};
    detail::Ops::start_threads(team());
  }

  /// Bytes an engine with that many threads allocates besides its workspace.
  static std::size_t private_bytes(int threads) {
    return static_cast<std::size_t>(threads) *
           (detail::Scratch::floats * sizeof(float) + sizeof(detail::Scratch));
  }

  CpuLevel level() const { return level_; }
  Precision precision() const { return precision_; }
  bool bf16_products() const { return precision_ == Precision::bf16_products; }  ///< SaysBf16Products

  /// PackOps. Panels are as wide as the level's tiles, so that only engines of the same level read them.
  index_t panel_rows() const { return kernels_->panel_cols; }
  Weight<> pack_weight(Weight<> w, std::byte* to) {
    PROXYV_CHECK(!w.packed(), ArgumentError, "pack_weight: the weight is packed already");
    const auto packed = Weight<>::in_panels(to, w.type(), w.rows(), w.cols(), panel_rows());
    detail::Ops::pack_weight(*kernels_, w, packed, to, team());
    return packed;
  }

  void gemm(View<const float> x, Weight<> w, View<float> y, Epilogue<float, HostSpace> e) {
    check::gemm(x, w, y, e, panel_rows());
    detail::Ops::gemm(x, w, y, e, scratch(), team());
  }

  void product(View<const float> x, View<const float> z, View<float> y, float beta) {
    check::product(x, z, y, beta);
    detail::Ops::product(x, z, y, beta, scratch(), team());
  }

  void rms_norm(View<const float> x, Span<const float> gain, View<float> y, float eps) {
    check::same_shape("rms_norm", x, y);
    check::gain("rms_norm", x, gain);
    detail::Ops::rms_norm(*kernels_, x, gain, y, eps, team());
  }

  void layer_norm(View<const float> x, Span<const float> gain, Span<const float> bias, View<float> y,
                  float eps) {
    check::same_shape("layer_norm", x, y);
    check::gain("layer_norm", x, gain);
    check::gain("layer_norm", x, bias);
    detail::Ops::layer_norm(*kernels_, x, gain, bias, y, eps, team());
  }

  void rotary_table(Span<const std::int32_t> positions, const Rotary& rotary, View<float> table) {
    check::rotary_table(positions, rotary, table);
    detail::Ops::rotary_table(positions, rotary, table, team());
  }

  void rotate(View<float> x, View<const float> table) {
    check::rotate(x, table);
    detail::Ops::rotate(*kernels_, x, table, team());
  }

  void attention(View<const float> q, View<float> o, const AttentionArgs<float, HostSpace>& args) {
    args.check(q, o);
    detail::Ops::attention(q, o, args.only_live(), scratch(), team());
  }

  void attention_weights(View<const float> q, const AttentionArgs<float, HostSpace>& args, View<float> weights) {
    check::attention_weights(q, args, weights);
    detail::Ops::attention_weights(*kernels_, q, args, weights, team());
  }

  void swiglu(View<const float> x, Weight<> gate, Weight<> up, View<float> y) {
    check::swiglu(x, gate, up, y, panel_rows());
    detail::Ops::swiglu(x, gate, up, y, scratch(), team());
  }

  void bilinear_pool(View<const float> x, View<float> y, const Grid& grid) {
    grid.check("bilinear_pool", x.rows(), y.rows());
    check_columns("bilinear_pool", x, y);
    detail::Ops::bilinear_pool(x, y, grid, team());
  }

  void upsample(View<const float> x, View<float> y, const Grid& grid) {
    grid.check("upsample", y.rows(), x.rows());
    check_columns("upsample", x, y);
    detail::Ops::upsample(x, y, grid, team());
  }

  void softmax_rows(View<const float> x, View<float> y, float scale, View<const std::uint8_t> table,
                    EmptyRow empty) {
    check::softmax_rows(x, y, table);
    detail::Ops::softmax_rows(*kernels_, x, y, scale, table, empty, team());
  }

  void embed(Weight<> table, Span<const std::int32_t> ids, View<float> y) {
    check::gather("embed", table, ids, y, panel_rows());
    detail::Ops::embed(table, ids, y, team());
  }

  void gather(View<const float> x, Span<const std::int32_t> ids, View<float> y) {
    check::gather("gather", x, ids, y);
    detail::Ops::gather(x, ids, y, team());
  }

  void sample(View<const float> logits, const Sampling& how, std::uint64_t step, Span<std::int32_t> next) {
    check::sample(logits, next);
    auto frame = this->frame();
    next[0] = sample_token({logits.data(), logits.cols()}, how, step, frame.span<std::int32_t>(logits.cols()),
                           frame.span<float>(logits.cols()));
  }

  /// The same with the step's number in memory, as recorded steps have it.
  void sample(View<const float> logits, const Sampling& how, Span<const std::int32_t> step, Span<std::int32_t> next) {
    PROXYV_CHECK(step.size() == 1, ShapeError, "sample: ", step.size(), " step numbers, wanted one");
    sample(logits, how, static_cast<std::uint64_t>(step[0]), next);
  }

 protected:
  // For engines that derive from this one.
  detail::Team team() const { return {threads(), pool()}; }
  const detail::CpuKernels& kernels() const { return *kernels_; }

 private:
  const detail::Scratch* scratch() const { return scratch_.data(); }

  static void check_columns(const char* op, const View<const float>& x, const View<float>& y) {
    PROXYV_CHECK(x.cols() == y.cols(), ShapeError, op, ": x has ", x.cols(), " columns, y ", y.cols());
  }

  CpuLevel level_;
  Precision precision_;
  const detail::CpuKernels* kernels_;
  Buffer<float> block_;
  Buffer<detail::Scratch> scratch_;
};

static_assert(Backend<EigenBackend> && RankOps<EigenBackend> && MergeOps<EigenBackend> && PackOps<EigenBackend>);

}  // namespace proxyv::inline v0

#if !defined(PROXYV_CPU_KERNELS_APART)
#include "proxyv/eigen/bodies.hpp"
#endif
