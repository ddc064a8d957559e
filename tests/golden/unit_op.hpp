// UnitOp: one operation of a file of kind "unit": its parameters, its tensors, what it must give.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "golden/golden_file.hpp"
#include "golden/settings.hpp"
#include "golden/tensors.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/model/lmm.hpp"

namespace golden {

class UnitOp {
 public:
  UnitOp(const GoldenFile& file, const io::JsonValue& record, const Settings& settings, Report& report)
      : file_(file),
        settings_(settings),
        report_(report),
        record_(record, file.where("ops")),
        id_(record_.text("id")),
        op_(record_.text("op")),
        params_(record_.require("params", "an object"), file.where("ops"), id_ + ".params.") {}

  const std::string& name() const { return op_; }
  const io::JsonFields& record() const { return record_; }
  const io::JsonFields& params() const { return params_; }
  const GoldenFile& file() const { return file_; }
  std::string tensor(const std::string& x) const { return id_ + "." + x; }
  bool has(const std::string& x) const { return file_.has(tensor(x)); }

  float eps(const char* key) const { return static_cast<float>(params_.number_or(key, 1e-5, 0.0, 1.0)); }
  double theta(const char* key) const { return params_.number_or(key, 10000.0, 1.0, 1e12); }

  /// As config.json would have it; `context` is what the user asks for.
  RotaryScaling rope_scaling(index_t head_dim) const {
    io::CheckpointConfig c;
    c.head_dim = head_dim;
    c.rope_theta = theta("theta");
    c.max_position_embeddings = params_.index_or("max_position_embeddings", 0, 1, 1 << 30);
    if (const io::JsonValue* scaling = params_.find("rope_scaling"))
      c.rope = io::read_rope(io::JsonFields(*scaling, file_.where("ops")), params_, head_dim, c.max_position_embeddings);
    return proxyv::rope_scaling(c, params_.index_or("context", 0, 1, 1 << 30));
  }

  std::vector<index_t> shape(const std::string& x, std::size_t rank) const {
    return file_.shape(tensor(x), rank);
  }
  std::vector<float> floats(const std::string& x) const { return file_.floats(tensor(x)); }
  std::vector<float> floats(const std::string& x, const Shape& shape) const {
    return file_.floats(tensor(x), shape);
  }
  std::vector<std::int32_t> positions(const std::string& x, const Shape& shape) const {
    io::check_shape(file_.source().at(tensor(x)), shape);
    return file_.small_integers(tensor(x));
  }
  std::vector<std::uint8_t> flags(const std::string& x, const Shape& shape) const {
    return file_.flags(tensor(x), shape);
  }

  void close(const std::string& output, std::span<const float> found, const Shape& shape) {
    report_.close(label(output), found, file_.doubles(tensor(output), shape),
                  settings_.tolerance(weights_changed_).states);
  }
  void same(const std::string& output, const std::vector<std::int64_t>& found, const Shape& shape) {
    report_.same(label(output), found, file_.integers(tensor(output), shape));
  }
  void begin(const char* way) { report_.begin(way); }
  bool checked(const std::string& output) const { return report_.checked(label(output)); }

 protected:
  const Settings& settings() const { return settings_; }
  /// Takes note of weights that differ from the file's.
  void weights_changed() { weights_changed_ = true; }

 private:
  std::string label(const std::string& output) const { return tensor(output) + ":" + op_; }

  const GoldenFile& file_;
  const Settings& settings_;
  Report& report_;
  io::JsonFields record_;
  std::string id_, op_;
  io::JsonFields params_;
  bool weights_changed_ = false;
};

/// The same with an engine of type B to run it on.
template <class B>
class EngineOp : public UnitOp {
 public:
  /// maker: an engine that puts weights into their memory.
  EngineOp(const GoldenFile& file, const io::JsonValue& record, const Settings& settings, Report& report,
           B& maker)
      : UnitOp(file, record, settings, report), maker_(maker) {}

  /// A weight matrix, rounded as the settings say. Lives as long as the op.
  WeightOf<B> weight(const std::string& x) {
    const auto s = shape(x, 2);
    const std::vector<float> values = floats(x);
    const DType type = settings().weights.value_or(dtype_of<Elem<B>>);
    if (std::any_of(values.begin(), values.end(), [&](float value) { return rounding_changes(value, type); }))
      weights_changed();
    return with_dtype(type, [&]<class T>(T) { return WeightOf<B>(keep<T>(values), type, s[0], s[1]); });
  }
  /// A gain or bias. Lives as long as the op.
  Vec<B> vector(const std::string& x) {
    const std::vector<float> values = floats(x);
    return {keep<Elem<B>>(values), shape(x, 1)[0]};
  }
  /// Rows that an op reads. Lives as long as the op.
  In<B> matrix(const std::string& x) {
    const auto s = shape(x, 2);
    const std::vector<float> values = floats(x);
    return {keep<Elem<B>>(values), s[0], s[1]};
  }

  /// Runs work(engine) on an engine whose workspace a counting run has found.
  template <class Work>
  void run(Work&& work) const {
    PlanBackend<B> plan;
    work(plan);
    B engine = make_engine<B>(settings().threads, plan.cost().workspace);
    work(engine);
  }
  B& maker() const { return maker_; }

 private:
  template <class T>
  const T* keep(const std::vector<float>& values) {
    const auto n = static_cast<index_t>(values.size());
    auto memory = std::make_shared<Buffer<T, SpaceOf<B>>>(maker_.template alloc<T>(n));
    if constexpr (std::same_as<SpaceOf<B>, HostSpace>) {
      std::transform(values.begin(), values.end(), memory->data(), from_float<T>);
    } else {
      maker_.upload_weight(values.data(), DType::f32, n, memory->data());
      maker_.sync();
    }
    kept_.push_back(memory);
    return memory->data();
  }

  B& maker_;
  std::vector<std::shared_ptr<const void>> kept_;
};

/// Room for a result.
inline std::vector<float> room(index_t elements) {
  return std::vector<float>(static_cast<std::size_t>(elements));
}

// Operations that need no engine.
void check_pack(UnitOp& op);
void check_anyres(UnitOp& op);
void check_pool_2d(UnitOp& op);

}  // namespace golden
