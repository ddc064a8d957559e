#include "proxyv/vision/clip_encoder.hpp"

#include <functional>
#include <map>
#include <memory>

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using small::Matrix;
using R = ReferenceBackend;

namespace {

constexpr ClipConfig config{.hidden = 6, .layers = 3, .heads = 2, .ffn = 10, .image_size = 4, .patch_size = 2};

/// Weights by name, and the visitor that hands them out.
struct Store {
  std::map<std::string, Matrix> all;
  std::vector<std::string> order;

  const Matrix& make(const std::string& name, index_t rows, index_t cols) {
    Matrix m = small::noise(rows, cols, std::hash<std::string>{}(name));
    order.push_back(name);
    return all[name] = std::move(m);
  }
  void matrix(const std::string& name, WeightOf<R>& w, index_t rows, index_t cols) { w = make(name, rows, cols).weight(); }
  void dense(const std::string& name, In<R>& x, index_t rows, index_t cols) { x = make(name, rows, cols); }
  void vector(const std::string& name, Vec<R>& x, index_t n) { x = make(name, 1, n).span(); }
};

const std::string root = "model.vision_tower.vision_tower.vision_model.";

// The same encoder in doubles, written as the paper's formulas, for one crop.
using Rows = std::vector<std::vector<double>>;

struct Naive {
  const ClipConfig& c;
  const Store& store;

  double at(const std::string& name, index_t i, index_t j) const { return double{store.all.at(root + name).view()(i, j)}; }

  Rows linear(const Rows& x, const std::string& name, bool bias = true) const {
    const Matrix& w = store.all.at(root + name + ".weight");
    Rows y;
    for (const auto& row : x) {
      std::vector<double> out;
      for (index_t o = 0; o < w.rows; ++o) {
        double sum = bias ? at(name + ".bias", 0, o) : 0.0;
        for (index_t i = 0; i < w.cols; ++i) sum += row[static_cast<std::size_t>(i)] * double{w.view()(o, i)};
        out.push_back(sum);
      }
      y.push_back(out);
    }
    return y;
  }

  Rows norm(const Rows& x, const std::string& name) const {
    Rows y = x;
    for (auto& row : y) {
      double mean = 0.0, variance = 0.0;
      for (const double v : row) mean += v / static_cast<double>(row.size());
      for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(row.size());
      for (std::size_t j = 0; j < row.size(); ++j)
        row[j] = (row[j] - mean) / std::sqrt(variance + double{c.norm_eps}) * at(name + ".weight", 0, static_cast<index_t>(j)) +
                 at(name + ".bias", 0, static_cast<index_t>(j));
    }
    return y;
  }

  Rows attend(const Rows& q, const Rows& k, const Rows& v) const {
    const auto dim = static_cast<std::size_t>(c.hidden / c.heads);
    Rows out(q.size(), std::vector<double>(q[0].size()));
    for (std::size_t h = 0; h < static_cast<std::size_t>(c.heads); ++h) {
      for (std::size_t i = 0; i < q.size(); ++i) {
        std::vector<double> p;
        double total = 0.0;
        for (const auto& key : k) {
          double dot = 0.0;
          for (std::size_t d = h * dim; d < (h + 1) * dim; ++d) dot += q[i][d] * key[d];
          p.push_back(std::exp(dot / std::sqrt(static_cast<double>(dim))));
          total += p.back();
        }
        for (std::size_t n = 0; n < k.size(); ++n)
          for (std::size_t d = h * dim; d < (h + 1) * dim; ++d) out[i][d] += p[n] / total * v[n][d];
      }
    }
    return out;
  }

  static void add(Rows& x, const Rows& y) {
    for (std::size_t i = 0; i < x.size(); ++i)
      for (std::size_t j = 0; j < x[i].size(); ++j) x[i][j] += y[i][j];
  }

  std::vector<float> features(View<const float> patches, index_t layers, bool quick) const {
    Rows pixels;
    for (index_t i = 0; i < patches.rows(); ++i) pixels.emplace_back(patches.row(i), patches.row(i) + patches.cols());
    Rows x{std::vector<double>(static_cast<std::size_t>(c.hidden))};
    const Rows embedded = linear(pixels, "embeddings.patch_embedding", false);
    x.insert(x.end(), embedded.begin(), embedded.end());
    for (index_t i = 0; i < c.patches() + 1; ++i)
      for (index_t j = 0; j < c.hidden; ++j)
        x[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] +=
            at("embeddings.position_embedding.weight", i, j) + (i == 0 ? at("embeddings.class_embedding", 0, j) : 0.0);
    x = norm(x, "pre_layrnorm");
    for (index_t l = 0; l < layers; ++l) {
      const std::string p = "encoder.layers." + std::to_string(l) + ".";
      const Rows n = norm(x, p + "layer_norm1");
      add(x, linear(attend(linear(n, p + "self_attn.q_proj"), linear(n, p + "self_attn.k_proj"), linear(n, p + "self_attn.v_proj")),
                    p + "self_attn.out_proj"));
      Rows inner = linear(norm(x, p + "layer_norm2"), p + "mlp.fc1");
      for (auto& row : inner)
        for (double& v : row) v = quick ? v / (1.0 + std::exp(-1.702 * v)) : 0.5 * v * (1.0 + std::erf(v / std::sqrt(2.0)));
      add(x, linear(inner, p + "mlp.fc2"));
    }
    std::vector<float> out;
    for (std::size_t i = 1; i < x.size(); ++i)
      for (const double v : x[i]) out.push_back(static_cast<float>(v));
    return out;
  }
};

struct World {
  ClipConfig c;
  Store store;
  ClipWeights<R> weights;
  R be{{.workspace_bytes = 1 << 16}};

  explicit World(ClipConfig cfg = config) : c(cfg) { for_each_tensor<R>(c, weights, store); }
  std::vector<float> encode(const Matrix& patches) {
    Matrix features(patches.rows, c.hidden);
    ClipEncoder<R>(be, c, weights)(be, patches, features);
    return features.values;
  }
};

template <class Member, class Value>
std::string refused(Member member, Value value) {
  ClipConfig c = config;
  c.*member = value;
  return error_of<ArgumentError>([&] { check_config(c); });
}

}  // namespace

TEST_CASE("clip encoder: equals the formulas, with either GELU and any selected layer") {
  const Matrix patches = small::noise(4, 12, 77);
  for (const Act act : {Act::quick_gelu, Act::gelu}) {
    for (const index_t select : {-2, -1, 0, 1, -4}) {
      ClipConfig c = config;
      c.act = act;
      c.select_layer = select;
      World w(c);
      INFO("select_layer " << select);
      const index_t layers = select >= 0 ? select : 4 + select;
      CHECK(small::deviation(w.encode(patches), Naive{w.c, w.store}.features(patches, layers, act == Act::quick_gelu)) < 2e-6);
    }
  }
}

TEST_CASE("clip encoder: crops do not see each other") {
  World w;
  const Matrix three = small::noise(12, 12, 78);
  const auto all = w.encode(three);
  for (index_t crop = 0; crop < 3; ++crop) {
    Matrix one(4, 12);
    w.be.copy(three.view().row_range(crop * 4, 4), one.view());
    const auto alone = w.encode(one);
    CHECK(small::same_bits(alone, {all.begin() + crop * 24, all.begin() + (crop + 1) * 24}));
  }
  CHECK(w.encode(Matrix(0, 12)).empty());
}

TEST_CASE("clip encoder: checkpoint names; layers after the selected one are not wanted") {
  World w;
  CHECK(w.store.all.size() == 5 + 2 * 16);
  CHECK(w.store.all.at(root + "embeddings.patch_embedding.weight").cols == 12);
  CHECK(w.store.all.at(root + "embeddings.position_embedding.weight").rows == 5);
  CHECK(w.store.all.count(root + "pre_layrnorm.bias") == 1);
  CHECK(w.store.all.at(root + "encoder.layers.1.mlp.fc1.weight").rows == 10);
  CHECK(w.store.all.at(root + "encoder.layers.1.mlp.fc2.bias").cols == 6);
  CHECK(w.store.all.count(root + "encoder.layers.1.self_attn.out_proj.weight") == 1);
  CHECK(w.store.all.count(root + "encoder.layers.2.self_attn.out_proj.weight") == 0);
}

TEST_CASE("clip encoder: impossible sizes") {
  using C = ClipConfig;
  CHECK(refused(&C::heads, 4) == "vision config: 3 layers, hidden 6, 4 heads, ffn 10");
  CHECK(refused(&C::heads, 0) == "vision config: 3 layers, hidden 6, 0 heads, ffn 10");
  CHECK(refused(&C::patch_size, 3) == "vision config: image_size 4 is not a multiple of patch_size 3");
  CHECK(refused(&C::patch_size, 0) == "vision config: image_size 4 is not a multiple of patch_size 0");
  CHECK(refused(&C::image_size, 20000) == "vision config: image_size 20000 is not a multiple of patch_size 2");
  CHECK(refused(&C::select_layer, 4) == "vision config: select_layer 4 of 3 layers");
  CHECK(refused(&C::select_layer, -5) == "vision config: select_layer -5 of 3 layers");
  CHECK(refused(&C::layers, std::numeric_limits<index_t>::max()) == "vision config: a size above 16777216");
  CHECK(refused(&C::select_layer, std::numeric_limits<index_t>::min()) == "vision config: a size above 16777216");
}

TEST_CASE("clip encoder: weights and patches that do not fit") {
  World w;
  ClipWeights<R> few = w.weights;
  few.layers.pop_back();
  CHECK(error_of<ShapeError>([&] { ClipEncoder<R>(w.be, w.c, few); }) ==
        "weights: model.vision_tower.vision_tower.vision_model.encoder.layers.1.layer_norm1.weight is [1, 0], wanted [1, 6]");
  const ClipEncoder<R> encoder(w.be, w.c, w.weights);
  Matrix features(4, 6, 9.f);
  CHECK(error_of<ShapeError>([&] { encoder(w.be, Matrix(3, 12), features); }) ==
        "ClipEncoder: patches [3, 12], wanted crops of [4, 12]");
  CHECK_THROWS_AS(encoder(w.be, Matrix(4, 11), features), ShapeError);
  CHECK_THROWS_AS(encoder(w.be, Matrix(8, 12), features), ShapeError);
  CHECK(features.values == std::vector<float>(24, 9.f));
}

TEST_CASE("clip encoder: a small workspace is refused before anything is computed") {
  World w;
  const ClipEncoder<R> encoder(w.be, w.c, w.weights);
  PlanBackend<R> plan;
  encoder(plan, {nullptr, 8, 12}, {nullptr, 8, 6});
  const std::size_t needed = plan.cost().workspace;
  const Matrix patches = small::noise(8, 12, 79);
  Matrix features(8, 6, 9.f);
  R tight({.workspace_bytes = needed - 1024});
  try {
    encoder(tight, patches, features);
    FAIL("nothing was thrown");
  } catch (const WorkspaceError& e) {
    CHECK(e.needed == needed);
    CHECK(std::string(e.what()).find("ClipEncoder: workspace too small") == 0);
  }
  CHECK(tight.workspace_peak() == 0);
  CHECK(features.values == std::vector<float>(48, 9.f));
  R enough({.workspace_bytes = needed});
  CHECK_NOTHROW(encoder(enough, patches, features));
  CHECK(enough.workspace_peak() == needed);
}

TEST_CASE("clip encoder: the tap sees the last layer's output, keys, and the class token's attention, and changes nothing") {
  Store store;
  ClipWeights<R> weights;
  for_each_tensor<R>(config, weights, store);
  R be({.workspace_bytes = 1 << 16});
  const ClipEncoder<R> encoder(be, config, weights);
  const index_t crops = 2, rows = config.patches() + 1;
  const Matrix patches = small::noise(crops * config.patches(), config.patch_width(), 77);
  Matrix features(crops * config.patches(), config.hidden);
  encoder(be, patches, features);
  int taps = 0;
  encoder.tapped(be, patches, [&](auto& engine, const ClipTap<R>& tap) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(engine)>, R>) {
      ++taps;
      for (index_t c = 0; c < crops; ++c)
        CHECK(small::same_bits(small::values(tap.hidden.row_range(c * rows + 1, config.patches())),
                               small::values(features.view().row_range(c * config.patches(), config.patches()))));
      REQUIRE(tap.cls_weights.rows() == crops * config.heads);
      for (index_t i = 0; i < tap.cls_weights.rows(); ++i) {
        double sum = 0.0;
        for (index_t j = 0; j < rows; ++j) sum += double{tap.cls_weights(i, j)};
        CHECK(std::abs(sum - 1.0) < 1e-6);
      }
      CHECK(tap.keys.rows() == crops * rows);
    }
  });
  CHECK(taps == 1);
  ClipConfig none = config;
  none.select_layer = 0;
  Store fewer;
  ClipWeights<R> embeddings;
  for_each_tensor<R>(none, embeddings, fewer);
  const ClipEncoder<R> bare(be, none, embeddings);
  CHECK_THAT(error_of<ArgumentError>([&] { bare.tapped(be, patches, [](auto&, const auto&) {}); }), ContainsSubstring("runs no layer"));
}
