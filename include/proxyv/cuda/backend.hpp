// CudaBackend: the GPU engine. It checks shapes, chooses a path for each op, and enqueues.
//
// Host code only; g++ compiles it. The kernels it launches are in kernels.cu, which nvcc compiles once per
// program. No op allocates or waits.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/fused.hpp"
#include "proxyv/cuda/plan_file.hpp"
#include "proxyv/cuda/storage.hpp"
#include "proxyv/cuda/tuning.hpp"

namespace proxyv::inline v0 {

/// Tensors of T (float, f16 or bf16) in the memory of an NVIDIA GPU of compute capability 8.0 or later; all sums
/// in float. Weights of type T take the fast paths, others a slow one.
/// Owns a stream (or uses yours), the workspace, and privately about 60 MiB on the device and 16 MiB
/// pinned on the host, all allocated at construction. Move-only, one thread at a time; engines on several streams may share weights.
/// Faults of kernels show at the next sync, download or launch; PROXYV_CUDA_SYNC=1 waits after every launch.
template <class T>
class CudaBackend : public cuda::CudaStorage<T> {
  using Base = cuda::CudaStorage<T>;
  using In = View<const T, DeviceSpace>;
  using Out = View<T, DeviceSpace>;
  using Vec = Span<const T, DeviceSpace>;
  using Ids = Span<const std::int32_t, DeviceSpace>;
  using OutIds = Span<std::int32_t, DeviceSpace>;
  using Weight = proxyv::Weight<DeviceSpace>;
  using Epilogue = proxyv::Epilogue<T, DeviceSpace>;
  using Heads = HeadsProjectionOf<T, DeviceSpace>;
  using Norm = NormOf<T, DeviceSpace>;
  using Product = cuda::Product<T>;

 public:
  /// A feed-forward network takes all its rows at once.
  static constexpr index_t ffn_block_rows = index_t{1} << 20;
  /// Where swiglu's two products cannot be one launch, it goes through so many rows at a time.
  static constexpr index_t swiglu_scratch_rows = 512;

  explicit CudaBackend(const CudaOptions& options)
      : Base(options), attention_scratch_(zeroed(cuda::attention_scratch_bytes(where()))), sample_scratch_(zeroed(cuda::sample_scratch_bytes(usual_vocab))) {}

  void gemm(In x, Weight w, Out y, Epilogue e) {
    check::gemm(x, w, y, e);
    const cuda::Range range("gemm");
    if (y.empty()) return;
    if (w.type() == dtype_of<T>) {
      Product job = store(x, w, y, e);
      if (cuda::gemv_fits(job, where())) return run(cuda::gemv(job, where()), "gemm");
      return multiply(job);
    }
    run(cuda::general_product<T>(rows_of(x), w.data(), w.type(), rows_of(y), data_of(e.bias), e.beta, e.act, where()), "gemm");
  }

  void product(In x, In z, Out y, float beta) {
    check::product(x, z, y, beta);
    const cuda::Range range("product");
    if (y.empty()) return;
    const cuda::ProductOperands<T> at{x.data(), z.data(), y.data(), nullptr};
    const auto shape = cuda::Products::shape(rows_of(x), z.stride(), rows_of(y), at, true, beta != 0.f);
    if (x.cols() > 0 && by_blaslt(shape, at)) return;
    run(cuda::general_product<T>(rows_of(x), rows_of(z), rows_of(y), beta, where()), "product");
  }

  void swiglu(In x, Weight gate, Weight up, Out y) {
    check::swiglu(x, gate, up, y);
    const cuda::Range range("swiglu");
    if (y.empty()) return;
    const Product job = gated(x, gate, up, y);
    if (gate.type() == dtype_of<T> && up.type() == dtype_of<T>) {
      if (cuda::gemv_fits(job, where())) return run(cuda::gemv(job, where()), "swiglu");
      if (cuda::hopper_products_fit(&job, 1, where())) return enqueue(job);
    }
    const Ungrouped ungrouped(*this);  // what follows depends on one another
    swiglu_apart(x, gate, up, y);
  }

  void rms_norm(In x, Vec gain, Out y, float eps) {
    check::same_shape("rms_norm", x, y);
    check::gain("rms_norm", x, gain);
    const cuda::Range range("rms_norm");
    run(cuda::rms_norm<T>(rows_of(x), gain.data(), rows_of(y), eps, where()), "rms_norm");
  }

  void layer_norm(In x, Vec gain, Vec bias, Out y, float eps) {
    check::same_shape("layer_norm", x, y);
    check::gain("layer_norm", x, gain);
    check::gain("layer_norm", x, bias);
    const cuda::Range range("layer_norm");
    run(cuda::layer_norm<T>(rows_of(x), gain.data(), bias.data(), rows_of(y), eps, where()), "layer_norm");
  }

  void rotary_table(Ids positions, const Rotary& rotary, View<float, DeviceSpace> table) {
    check::rotary_table(positions, rotary, table);
    run(cuda::rotary_table(positions.data(), positions.size(), rotary, rows_of(table), where()), "rotary_table");
  }

  void rotate(Out x, View<const float, DeviceSpace> table) {
    check::rotate(x, table);
    const cuda::Range range("rotate");
    run(cuda::rotate<T>(rows_of(x), rows_of(table), where()), "rotate");
  }

  void attention(In q, Out o, const AttentionArgs<T, DeviceSpace>& args) {
    args.check(q, o);
    const cuda::Range range("attention");
    if (o.empty()) return;
    cuda::AttentionJob<T> job = attention_job(q, args);
    job.o = rows_of(o);
    if (!grouping_ || attentions_waiting_ == max_attentions) return run(cuda::attention<T>(job, where()), "attention");
    attentions_[static_cast<std::size_t>(attentions_waiting_++)] = job;
  }

  // Ranking and merging (RankOps, MergeOps).

  void attention_weights(In q, const AttentionArgs<T, DeviceSpace>& args, View<float, DeviceSpace> weights) {
    check::attention_weights(q, args, weights);
    run(cuda::attention_weights<T>(attention_job(q, args), rows_of(weights), where()), "attention_weights");
  }
  void sum_rows(View<const float, DeviceSpace> x, float scale, View<float, DeviceSpace> y) {
    check::sum_rows(x, y);
    run(cuda::sum_rows(rows_of(x), scale, y.data(), where()), "sum_rows");
  }
  void keep_top(View<const float, DeviceSpace> scores, index_t always, OutIds kept, index_t base) {
    check::keep_top(scores, always, kept);
    auto scratch = this->frame();
    run(cuda::keep_top(scores.data(), scores.cols(), always, kept.size(), static_cast<std::int32_t>(base),
                       scratch.template span<std::int32_t>(scores.cols()).data(), kept.data(), where()),
        "keep_top");
  }
  void pick(Ids x, Ids which, OutIds y) {
    check::same_count("pick", which, y);
    if (y.size() > 0) run(cuda::pick(x.data(), which.data(), y.size(), y.data(), where()), "pick");
  }
  void copy(Ids x, OutIds y) {
    check::same_count("copy", x, y);
    run(cuda::pick(x.data(), nullptr, y.size(), y.data(), where()), "copy");
  }
  using Base::copy;
  void renumber(Ids x, OutIds y) {
    check::same_count("renumber", x, y);
    run(cuda::renumber(x.data(), x.size(), y.data(), where()), "renumber");
  }
  void hide_others(Ids x, Ids kept, OutIds y) {
    check::same_count("hide_others", x, y);
    run(cuda::hide_others(x.data(), x.size(), kept.data(), kept.size(), y.data(), where()), "hide_others");
  }
  void head_mean(In x, index_t heads, View<float, DeviceSpace> y) {
    check::head_mean(x, heads, y);
    run(cuda::head_mean<T>(rows_of(x), static_cast<int>(heads), rows_of(y), where()), "head_mean");
  }
  void group_rest(View<const float, DeviceSpace> metric, Ids kept, OutIds targets, OutIds merged, OutIds to) {
    check::group_rest(metric, kept, targets, merged, to);
    run(cuda::group_rest(rows_of(metric), kept.data(), kept.size(), targets.data(), targets.size(), merged.data(), merged.size(), to.data(), where()),
        "group_rest");
  }
  void add_group_means(In x, Ids targets, Ids merged, Ids to, Out y) {
    check::add_group_means(x, targets, merged, to, y);
    run(cuda::add_group_means<T>(rows_of(x), targets.data(), merged.data(), to.data(), merged.size(), rows_of(y), where()), "add_group_means");
  }

  void bilinear_pool(In x, Out y, const Grid& grid) {
    grid.check("bilinear_pool", x.rows(), y.rows());
    check_columns("bilinear_pool", x, y);
    run(cuda::bilinear_pool<T>(rows_of(x), rows_of(y), grid, where()), "bilinear_pool");
  }

  void upsample(In x, Out y, const Grid& grid) {
    grid.check("upsample", y.rows(), x.rows());
    check_columns("upsample", x, y);
    run(cuda::upsample<T>(rows_of(x), rows_of(y), grid, where()), "upsample");
  }

  void softmax_rows(In x, Out y, float scale, View<const std::uint8_t, DeviceSpace> table, EmptyRow empty) {
    check::softmax_rows(x, y, table);
    run(cuda::softmax_rows<T>(rows_of(x), rows_of(y), scale, rows_of(table), empty, where()), "softmax_rows");
  }

  void embed(Weight table, Ids ids, Out y) {
    check::gather("embed", table, ids, y);
    run(cuda::embed_rows<T>(table.data(), table.type(), ids.data(), rows_of(y), where()), "embed");
  }

  void gather(In x, Ids ids, Out y) {
    check::gather("gather", x, ids, y);
    run(cuda::gather_rows<T>(rows_of(x), ids.data(), rows_of(y), where()), "gather");
  }

  void sample(In logits, const Sampling& how, std::uint64_t step, Span<std::int32_t, DeviceSpace> next) { choose(logits, how, step, nullptr, next); }

  // What steps need that are recorded once (StepOps).

  void sample(In logits, const Sampling& how, Ids step, Span<std::int32_t, DeviceSpace> next) {
    PROXYV_CHECK(step.size() == 1, ShapeError, "sample: ", step.size(), " step numbers, wanted one");
    choose(logits, how, 0, step.data(), next);
  }
  void scatter(In x, Ids ids, Out y) {
    check::scatter(x, ids, y);
    run(cuda::scatter_rows<T>(rows_of(x), ids.data(), rows_of(y), where()), "scatter");
  }
  void advance(Span<std::int32_t, DeviceSpace> counters) {
    run(cuda::advance(counters.data(), static_cast<int>(counters.size()), where()), "advance");
  }

  // Fused ops (backend/fused.hpp).

  void project_heads(In x, const Heads& p) {
    const cuda::Range range("project_heads");
    const Product job = heads(x, p);
    if (one_type(p)) {
      if (cuda::gemv_fits(job, where())) return run(cuda::gemv(job, where()), "project_heads");
      if (cuda::hopper_products_fit(&job, 1, where())) return enqueue(job);
    }
    const Ungrouped ungrouped(*this);  // what follows depends on one another
    project_heads_apart<CudaBackend>(*this, x, p);
  }

  void norm_gemm(In x, const Norm& norm, Out normed, Weight w, Out y, const Epilogue& e) {
    check::gemm(x, w, y, e);
    if (w.type() == dtype_of<T> && launch_normed(store(x, w, y, e), x, norm, "norm_gemm")) return;
    rms_norm(x, norm.gain, normed, norm.eps);
    gemm(normed, w, y, e);
  }
  void norm_swiglu(In x, const Norm& norm, Out normed, Weight gate, Weight up, Out y) {
    check::swiglu(x, gate, up, y);
    if (gate.type() == dtype_of<T> && up.type() == dtype_of<T> && launch_normed(gated(x, gate, up, y), x, norm, "norm_swiglu")) return;
    rms_norm(x, norm.gain, normed, norm.eps);
    swiglu(normed, gate, up, y);
  }
  void norm_heads(In x, const Norm& norm, Out normed, const Heads& p) {
    if (one_type(p) && launch_normed(heads(x, p), x, norm, "norm_heads")) return;
    rms_norm(x, norm.gain, normed, norm.eps);
    project_heads(normed, p);
  }

  void rms_norm_twice(Out x, const Norm& first, const Norm& second, Out y) {
    check::same_shape("rms_norm_twice", x, y);
    check::gain("rms_norm_twice", x, first.gain);
    check::gain("rms_norm_twice", x, second.gain);
    check::apart("rms_norm_twice", "x", x, y);
    run(cuda::rms_norm_twice<T>(rows_of(x), first.gain.data(), first.eps, second.gain.data(), second.eps, rows_of(y), where()), "rms_norm_twice");
  }
  /// x += delta, y = norm(x), in one pass.
  void add_rms_norm(Out x, In delta, Vec gain, Out y, float eps) {
    check::same_shape("add_rms_norm", x, y);
    check::same_shape("add_rms_norm", x, delta);
    check::gain("add_rms_norm", x, gain);
    run(cuda::add_rms_norm<T>(rows_of(x), rows_of(delta), gain.data(), rows_of(y), eps, where()), "add_rms_norm");
  }
  void add_layer_norm(Out x, In delta, Vec gain, Vec bias, Out y, float eps) {
    check::same_shape("add_layer_norm", x, y);
    check::same_shape("add_layer_norm", x, delta);
    check::gain("add_layer_norm", x, gain);
    check::gain("add_layer_norm", x, bias);
    run(cuda::add_layer_norm<T>(rows_of(x), rows_of(delta), gain.data(), bias.data(), rows_of(y), eps, where()), "add_layer_norm");
  }

  void spread_rows(In x, Span<const Out> to) {
    PROXYV_CHECK(to.size() == x.rows(), ShapeError, "spread_rows: ", x.rows(), " rows to ", to.size(), " places");
    const cuda::Range range("spread_rows");
    std::array<T*, cuda::most_row_targets> places{};
    for (index_t begin = 0; begin < x.rows(); begin += cuda::most_row_targets) {
      const index_t n = std::min<index_t>(cuda::most_row_targets, x.rows() - begin);
      for (index_t i = 0; i < n; ++i) {
        check::same_shape("spread_rows", x.row_range(begin + i, 1), to[begin + i]);
        places[static_cast<std::size_t>(i)] = to[begin + i].data();
      }
      run(cuda::spread_rows<T>(rows_of(x.row_range(begin, n)), places.data(), where()), "spread_rows");
    }
  }

  void silu_add_upsampled(In context, Out mixed, const Grid& grid) {
    grid.check("silu_add_upsampled", mixed.rows(), context.rows());
    check_columns("silu_add_upsampled", context, mixed);
    run(cuda::silu_add_upsampled<T>(rows_of(context), rows_of(mixed), grid, where()), "silu_add_upsampled");
  }

  void begin_group() { cancel_group(), grouping_ = true; }
  void end_group() {
    const int products = waiting_, attentions = attentions_waiting_;
    cancel_group();
    if (products > 0) run(cuda::hopper_products(group_.data(), products, where()), "group of products");
    if (attentions > 0) run(cuda::attentions(attentions_.data(), attentions, where()), "group of attentions");
  }
  void cancel_group() noexcept {
    grouping_ = false;
    waiting_ = attentions_waiting_ = 0;
  }

  // Plans of products.

  /// Runs work() once with every product whose shape has no measured plan measured: cuBLASLt's suggestions and
  /// the engine's own kernel against each other. What the work computes is not to be used. Allocates and waits.
  template <class Work>
  void tune(Work&& work) {
    measuring_ = true;
    try {
      work();
    } catch (...) {
      measuring_ = false;
      throw;
    }
    measuring_ = false;
    this->sync();
  }
  /// The measured plans to a file, and back, for the same card and cuBLASLt. Throws LoadError.
  void save_plans(const std::string& path) const { cuda::save_plans(path, products_.plans(), this->device().name); }
  void load_plans(const std::string& path) { cuda::load_plans(path, products_.plans(), this->device().name); }

 private:
  /// Launches at once, though a group be open, until the end of the scope.
  class Ungrouped {
   public:
    explicit Ungrouped(CudaBackend& be) : be_(be), grouping_(std::exchange(be.grouping_, false)) {}
    Ungrouped(const Ungrouped&) = delete;
    Ungrouped& operator=(const Ungrouped&) = delete;
    ~Ungrouped() { be_.grouping_ = grouping_; }

   private:
    CudaBackend& be_;
    bool grouping_;
  };

  static constexpr int max_group = 4, max_attentions = 2;
  static constexpr index_t usual_vocab = index_t{1} << 18;

  using Base::run;
  using Base::where;
  template <class V>
  static auto rows_of(const V& view) {
    return cuda::rows_of(view);
  }
  static const T* data_of(const Vec& v) { return v.empty() ? nullptr : v.data(); }
  static void check_columns(const char* op, const In& x, const Out& y) {
    PROXYV_CHECK(x.cols() == y.cols(), ShapeError, op, ": x has ", x.cols(), " columns, y ", y.cols());
  }

  Buffer<std::byte, DeviceSpace> zeroed(std::size_t bytes) {
    auto made = cuda::device_buffer<std::byte>(static_cast<index_t>(bytes));
    if (bytes > 0) cuda::check(cudaMemsetAsync(made.data(), 0, bytes, this->stream()), "cudaMemsetAsync", "CudaBackend");
    return made;
  }

  static Product store(const In& x, const Weight& w, const Out& y, const Epilogue& e) {
    Product job;
    job.kind = cuda::JobKind::store;
    job.x = rows_of(x);
    set_part(job, 0, w, e.bias, y);
    job.beta = e.beta;
    job.act = e.act;
    return job;
  }
  static Product gated(const In& x, const Weight& gate, const Weight& up, const Out& y) {
    Product job;
    job.kind = cuda::JobKind::swiglu;
    job.x = rows_of(x);
    set_part(job, 0, gate, {}, y);
    set_part(job, 1, up, {}, y);
    return job;
  }
  static Product heads(const In& x, const Heads& p) {
    Product job;
    job.kind = cuda::JobKind::heads;
    job.x = rows_of(x);
    if (p.q.present()) set_part(job, 0, p.q, p.q_bias, p.queries);
    if (p.k.present()) set_part(job, 1, p.k, p.k_bias, p.keys);
    if (p.v.present()) set_part(job, 2, p.v, p.v_bias, p.values);
    job.rotary = p.rotary.data();
    job.rotary_stride = p.rotary.stride();
    job.head_dim = p.rotary.cols();
    job.row = p.row.empty() ? nullptr : p.row.data();
    return job;
  }
  static void set_part(Product& job, std::size_t i, const Weight& w, const Vec& bias, const Out& y) {
    job.w[i] = static_cast<const T*>(w.data());
    job.n[i] = w.rows();
    job.bias[i] = data_of(bias);
    job.y[i] = y.data();
    job.y_stride[i] = y.stride();
  }
  static bool one_type(const Heads& p) {
    const auto fits = [](const Weight& w) { return !w.present() || w.type() == dtype_of<T>; };
    return fits(p.q) && fits(p.k) && fits(p.v);
  }
  cuda::AttentionJob<T> attention_job(const In& q, const AttentionArgs<T, DeviceSpace>& args) const {
    cuda::AttentionJob<T> job;
    job.q = rows_of(q);
    job.heads = static_cast<int>(args.heads.query);
    job.kv_heads = static_cast<int>(args.heads.kv);
    job.head_dim = static_cast<int>(args.heads.dim);
    job.query_positions = args.query_positions.data();
    job.segments = static_cast<int>(args.count());
    for (index_t s = 0; s < args.count(); ++s) job.segment[s] = segment(args[s]);
    job.empty = args.empty_row;
    job.scratch = attention_scratch_.data();
    return job;
  }
  static cuda::DeviceSegment<T> segment(const KeySegment<T, DeviceSpace>& g) {
    cuda::DeviceSegment<T> s;
    s.keys = g.keys.data();
    s.values = g.values.data();
    s.key_stride = g.keys.stride();
    s.value_stride = g.values.stride();
    s.rows = static_cast<std::int32_t>(g.keys.rows());
    s.visible = g.visible;
    s.positions = g.positions.data();
    s.table = g.table.data();
    s.table_stride = g.table.stride();
    s.live = g.live.empty() ? nullptr : g.live.data();
    s.settled = g.settled;
    return s;
  }

  void swiglu_apart(const In& x, const Weight& gate, const Weight& up, const Out& y) {
    auto frame = this->frame();
    auto scratch = frame.matrix(std::min(y.rows(), swiglu_scratch_rows), y.cols());
    for (index_t row = 0; row < y.rows(); row += swiglu_scratch_rows) {
      const index_t n = std::min(swiglu_scratch_rows, y.rows() - row);
      const auto some = y.row_range(row, n), upper = scratch.row_range(0, n);
      gemm(x.row_range(row, n), gate, some, {});
      gemm(x.row_range(row, n), up, upper, {});
      run(cuda::silu_mul<T>(rows_of(In(some)), rows_of(In(upper)), rows_of(some), where()), "swiglu");
    }
  }

  /// A product with its norm in one launch, when that is possible.
  bool launch_normed(Product job, const In& x, const Norm& norm, const char* op) {
    check::gain(op, x, norm.gain);
    job.gain = norm.gain.data();
    job.eps = norm.eps;
    if (job.x.rows == 0 || !cuda::gemv_fits(job, where())) return false;
    const cuda::Range range(op);
    run(cuda::gemv(job, where()), op);
    return true;
  }

  /// Now, or at the end of the group.
  void enqueue(const Product& job) {
    if (grouping_ && waiting_ < max_group) {
      group_[static_cast<std::size_t>(waiting_)] = job;
      if (cuda::hopper_products_fit(group_.data(), waiting_ + 1, where())) {
        ++waiting_;
        return;
      }
    }
    run(cuda::hopper_products(&job, 1, where()), "product");
  }

  /// A stored product of some rows: the engine's own kernel or cuBLASLt, as the plan of the shape says.
  void multiply(const Product& job) {
    const cuda::ProductOperands<T> at{job.x.data, job.w[0], job.y[0], job.bias[0]};
    const cuda::Rows<T> y{job.y[0], job.x.rows, job.n[0], job.y_stride[0]};
    const auto shape = cuda::Products::shape(job.x, job.x.cols, y, at, false, job.beta != 0.f);
    const bool own = cuda::hopper_products_fit(&job, 1, where());
    if (measuring_ && !this->recording() && !products_.plan(shape).measured) measure(shape, at, job, own);
    if (own && (grouping_ || products_.plan(shape).path == cuda::ProductPlan::Path::own)) return enqueue(job);
    if (by_blaslt(shape, at)) {
      if (job.act != Act::none) run(cuda::activate_rows<T>(y, job.act, where()), "gemm");
      return;
    }
    run(cuda::general_product<T>(job.x, job.w[0], dtype_of<T>, y, job.bias[0], job.beta, job.act, where()), "gemm");
  }

  bool by_blaslt(const cuda::ProductShape& shape, const cuda::ProductOperands<T>& at) {
    const cuda::ProductPlan& plan = products_.plan(shape);
    if (plan.path != cuda::ProductPlan::Path::blaslt) return false;
    products_.run(shape, plan.algorithm, at, this->stream());
    return true;
  }

  void measure(const cuda::ProductShape& shape, const cuda::ProductOperands<T>& at, const Product& job, bool own) {
    cuda::tune_product(products_, shape, at, own, [&] { run(cuda::hopper_products(&job, 1, where()), "tune"); }, this->own_stream());
  }

  void choose(const In& logits, const Sampling& how, std::uint64_t step, const std::int32_t* device_step, Span<std::int32_t, DeviceSpace> next) {
    check::sample(logits, next);
    how.check();
    reserve_sampling(logits.cols());
    run(cuda::sample<T>(rows_of(logits), how, step, device_step, next.data(), sample_scratch_.data(), where()), "sample");
  }
  /// Allocates only for a vocabulary beyond the usual.
  void reserve_sampling(index_t vocab) {
    const std::size_t bytes = cuda::sample_scratch_bytes(vocab);
    if (static_cast<std::size_t>(sample_scratch_.size()) < bytes) sample_scratch_ = zeroed(bytes);
  }

  cuda::Products products_;
  Buffer<std::byte, DeviceSpace> attention_scratch_, sample_scratch_;
  std::array<Product, max_group> group_{};
  std::array<cuda::AttentionJob<T>, max_attentions> attentions_{};
  int waiting_ = 0, attentions_waiting_ = 0;
  bool grouping_ = false, measuring_ = false;
};

static_assert(Backend<CudaBackend<float>> && Backend<CudaBackend<f16>> && Backend<CudaBackend<bf16>>);
static_assert(StepOps<CudaBackend<bf16>> && GraphOps<CudaBackend<bf16>> && UpdateOps<CudaBackend<bf16>> && HeadsOps<CudaBackend<bf16>> &&
              NormedOps<CudaBackend<bf16>> && NormTwiceOps<CudaBackend<bf16>> && GroupOps<CudaBackend<bf16>> && SpreadOps<CudaBackend<bf16>> &&
              RankOps<CudaBackend<bf16>> && MergeOps<CudaBackend<bf16>>);

}  // namespace proxyv::inline v0
