// ReduceCase: a file of token reduction: its configuration, its tensors in an engine's memory, its
// comparisons.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "golden/model_states.hpp"
#include "golden/settings.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/model/load.hpp"

namespace golden {

/// These files have no __metadata__ but "config", a JSON object with the kind in it.
inline bool is_reduce_file(const GoldenFile& file) {
  return !file.has_text("kind") && file.has_text("config");
}

/// The configuration as JSON: Python writes an endless margin, of a file that leaves nothing to choose, as
/// Infinity.
inline io::JsonValue reduce_config(const GoldenFile& file) {
  std::string text = file.text("config");
  const std::string endless = ": Infinity";
  if (const auto at = text.find(endless); at != std::string::npos) text.replace(at, endless.size(), ": null");
  return io::parse_json(text, file.where("config"));
}

template <class B>
class ReduceCase {
 public:
  ReduceCase(const GoldenFile& file, const Settings& settings, Report& report)
      : file_(file),
        settings_(settings),
        report_(report),
        parsed_(reduce_config(file)),
        config_(parsed_, file.source().path(), "config."),
        maker_(make_engine<B>(settings.threads)),
        store_(std::make_shared<WeightStore<B>>(file.owner())) {}

  const GoldenFile& file() const { return file_; }
  const io::JsonFields& config() const { return config_; }
  std::string kind() const { return config_.text("kind"); }
  index_t number(const char* key) const { return config_.index(key, 0, index_t{1} << 24); }
  float eps(const io::JsonFields& fields) const {
    return static_cast<float>(fields.number_or("eps", 1e-5, 0.0, 1.0));
  }
  int threads() const { return settings_.threads; }

  B& maker() { return maker_; }
  const std::shared_ptr<WeightStore<B>>& store() const { return store_; }
  /// The visitor that loads from `source`, for as long as this case lives.
  template <class Source>
  LoadVisitor<B, Source> loader(const Source& source) {
    return {maker_, source, *store_, {}};
  }

  /// Rows that live as long as this case does.
  In<B> keep(std::span<const float> values, index_t rows, index_t cols) {
    auto buffer = maker_.template alloc<Elem<B>>(rows * cols);
    if (rows * cols > 0) maker_.upload(rows_of(values, rows, cols), buffer.matrix(rows, cols));
    maker_.sync();
    return {store_->keep(std::move(buffer)), rows, cols};
  }
  In<B> rows(const std::string& tensor, index_t rows, index_t cols) {
    return keep(file_.floats(tensor), rows, cols);
  }
  /// The same in float whatever the elements are; f32 engines only.
  View<const float, SpaceOf<B>> table(const std::string&tensor, index_t rows,
                                      index_t cols) requires std::same_as < Elem<B>,
  float > { return this->rows(tensor, rows, cols); }
  /// [heads, n, dim] per crop as rows [crops * n, heads * dim].
  In<B> heads_last(const std::string& tensor) {
    const auto s = file_.shape(tensor, 4);
    const std::vector<float> values = file_.floats(tensor);
    std::vector<float> all;
    for (index_t c = 0; c < s[0]; ++c)
      append(all, rows_first(values.data() + c * s[1] * s[2] * s[3], s[1], s[2], s[3]));
    return keep(all, s[0] * s[2], s[1] * s[3]);
  }

  /// Runs work(engine) with the workspace that a counting run has found.
  template <class Work>
  void run(Work&& work) const {
    PlanBackend<B> plan;
    work(plan);
    B engine = make_engine<B>(settings_.threads, plan.cost().workspace);
    work(engine);
    engine.sync();
  }

  void begin(const std::string& way) { report_.begin(way); }
  void fail(const std::string& reason) { report_.fail(reason); }
  void close(const std::string& name, std::span<const float> found, const Shape& shape) {
    report_.close("out." + name, found, file_.doubles("out." + name, shape), Tolerance{}.states);
  }
  void same(const std::string& name, const std::vector<std::int64_t>& found, const Shape& shape) {
    report_.same("out." + name, found, file_.integers("out." + name, shape));
  }
  bool has(const std::string& name) const { return file_.has("out." + name); }

 private:
  const GoldenFile& file_;
  const Settings& settings_;
  Report& report_;
  io::JsonValue parsed_;
  io::JsonFields config_;
  B maker_;
  std::shared_ptr<WeightStore<B>> store_;
};

/// Numbers from an engine's memory, or from one that counts for it.
template <class B, class E>
std::vector<std::int64_t> read_ids(E& be, Ids<B> ids) {
  std::vector<std::int32_t> host(static_cast<std::size_t>(ids.size()));
  if (!host.empty()) be.download(Ids<B>(ids), Span<std::int32_t>(host.data(), ids.size()));
  be.sync();
  return as_int64(host);
}

}  // namespace golden
