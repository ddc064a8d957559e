// LookerOn: the Looker on one engine.
#pragma once

#include <utility>

#include "loaded.hpp"
#include "looking.hpp"
#include "proxyv/look/mir.hpp"

namespace looking {

/// States of one kind per layer, gathered over prompts.
class Gathered {
 public:
  void add(index_t layer, pv::View<const float> rows) {
    if (layer >= static_cast<index_t>(values_.size())) values_.resize(static_cast<std::size_t>(layer) + 1);
    auto& to = values_[static_cast<std::size_t>(layer)];
    for (index_t i = 0; i < rows.rows(); ++i) to.insert(to.end(), rows.row(i), rows.row(i) + rows.cols());
    cols_ = rows.cols();
  }
  pv::View<const float> of(index_t layer) const {
    const auto& v = values_[static_cast<std::size_t>(layer)];
    return {v.data(), static_cast<index_t>(v.size()) / cols_, cols_};
  }

 private:
  std::vector<std::vector<float>> values_;
  index_t cols_ = 1;
};

template <class B>
class LookerOn : public Looker {
 public:
  LookerOn(const std::string& folder, const asking::Options& options)
      : options_(options), loaded_(folder, options) {}

  Looked look(const pv::Image& picture, const std::vector<std::string>& questions) const override {
    PROXYV_CHECK(!questions.empty(), pv::ArgumentError, "look: no question");
    return loaded_.model().visit([&](const auto& decoder) { return look_with(decoder, picture, questions); });
  }

 private:
  static constexpr pv::PrefillOptions whole{.savings = {}, .all_rows = true};

  pv::TokenLayout layout_of(const std::string& question, const pv::ImageSlot& slot) const {
    std::vector<pv::TokenId> ids = loaded_.prompt_before_question();
    for (const pv::TokenId id : loaded_.question_ids(question)) ids.push_back(id);
    return {{ids.data(), static_cast<index_t>(ids.size())}, {&slot, 1}, loaded_.model().crop_shape()};
  }

  template <class Decoder>
  Looked look_with(const Decoder& decoder, const pv::Image& picture,
                   const std::vector<std::string>& questions) const {
    const auto& model = loaded_.model();
    PROXYV_CHECK(
        !model.config().reduction.on(), pv::ArgumentError,
        "look: this checkpoint merges or drops vision tokens; only models that keep all can be looked into");
    const pv::ImageSlot slot{model.count_crops(picture.width(), picture.height())};
    std::vector<pv::TokenLayout> layouts;
    std::size_t workspace = model.plan_encode(slot.crops).workspace;
    for (const std::string& q : questions) {
      layouts.push_back(layout_of(q, slot));
      workspace = std::max(workspace, pv::workspace_bytes(decoder, layouts.back(), 1, whole));
    }
    B be = cli::make_engine<B>(options_.threads, workspace);
    const auto encoded = model.encode(be, picture);
    Looked out;
    out.side = decoder.config().crop_side;
    out.places =
        pv::look::crop_places(pv::image_processor(model.checkpoint()), picture.width(), picture.height());
    Gathered text;
    std::vector<pv::look::LayerStates> vision;
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      pv::Session session(be, decoder, layouts[i].rows() + 1);
      pv::look::States states(be, decoder.config().layers);
      session.start({layouts[i], encoded.tokens()}, whole, states);
      gather_text(states, layouts[i], text);
      if (i == 0) {
        look_at(be, decoder, layouts[i], states, session.cache(), out);
        out.first_piece = loaded_.tokenizer().token_text(session.next_token());
        for (index_t layer = 0; layer < states.layers(); ++layer) vision.push_back(states.after(layer));
      }
    }
    out.mir_text = text.of(0).rows();
    std::vector<double> terms;
    for (std::size_t l = 0; l < vision.size(); ++l) {
      out.layers[l].mir = pv::look::layer_mir(vision[l].vision.view(), text.of(static_cast<index_t>(l)));
      terms.push_back(out.layers[l].mir);
    }
    out.mir = pv::look::modality_integration_rate(terms);
    return out;
  }

  static void gather_text(const pv::look::States<B>& states, const pv::TokenLayout& layout, Gathered& text) {
    for (index_t layer = 0; layer < states.layers(); ++layer)
      text.add(layer, states.after(layer).rest.view().row_range(layout.newlines(), layout.text()));
  }

  template <class Decoder>
  static void look_at(B& be, const Decoder& decoder, const pv::TokenLayout& layout,
                      const pv::look::States<B>& states, const pv::KvCache<B>& cache, Looked& out) {
    out.vision = layout.vision();
    out.newlines = layout.newlines();
    out.text = layout.text();
    out.proxy_rows = layout.proxies();
    out.learned = decoder.config().learned_proxies;
    out.start_layer = decoder.config().proxy_start;
    std::vector<pv::look::Token> tokens{pv::look::last_token(layout)};
    for (index_t p = 0; p < layout.proxies(); ++p) tokens.push_back({pv::look::Segment::proxy, p});
    for (index_t layer = 0; layer < decoder.config().layers; ++layer) {
      const auto rows = pv::look::attention(be, decoder, layout, states, cache, layer,
                                            {tokens.data(), static_cast<index_t>(tokens.size())});
      Layer l;
      l.last = rows[0].mass(layout);
      l.vision = rows[0].mean();
      l.vision.resize(static_cast<std::size_t>(layout.vision()));
      for (std::size_t p = 1; p < rows.size(); ++p)
        add_mass(rows[p].mass(layout), layout.proxies(), l.proxies);
      out.layers.push_back(std::move(l));
    }
    if constexpr (Decoder::uses_proxies) {
      if (layout.proxies() > 0) out.proxies = pv::look::proxy_maps(be, decoder, states);
    }
  }

  static void add_mass(const pv::look::AttentionMass& m, index_t of, pv::look::AttentionMass& sum) {
    const auto n = static_cast<double>(of);
    sum.vision += m.vision / n;
    sum.proxies += m.proxies / n;
    sum.newlines += m.newlines / n;
    sum.text += m.text / n;
  }

  asking::Options options_;
  asking::Loaded<B> loaded_;
};

}  // namespace looking
