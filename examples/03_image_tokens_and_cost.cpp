// Lesson 3. A picture is thousands of tokens. How many, at which positions, and what do they cost?
// Nothing is computed here: PlanBackend runs the layers and only counts.
#include <cstdio>

#include "lesson.hpp"
#include "proxyv/proxyv.hpp"

namespace pv = proxyv;
using Engine = lesson::Engine<pv::ReferenceBackend>;
using pv::index_t;
using Sizes = pv::presets::Vicuna7B;
using Plan = pv::PlanBackend<Engine>;

void print_part(const char* name, double flops, double all) { std::printf("  %-22s %8.1f GFLOP  %5.1f %%\n", name, flops / 1e9, 100.0 * flops / all); }

int main() {
  // The prompt: 35 tokens of instructions, the picture, 15 tokens of question. LLaVA cuts a picture into
  // a small whole one (the base crop) and up to four parts; each crop is 24 x 24 tokens.
  std::vector<pv::TokenId> ids(35, 1);
  ids.push_back(pv::image_token);
  ids.insert(ids.end(), 15, 1);
  const pv::ImageSlot image{.crops = 5};
  const pv::CropShape shape{.tokens = pv::tokens_per_crop(Sizes{})};
  const pv::TokenLayout layout({ids.data(), static_cast<index_t>(ids.size())}, {&image, 1}, shape);

  std::printf("vision %lld + newline %lld + text %lld = %lld tokens\n", static_cast<long long>(layout.vision()),
              static_cast<long long>(layout.newlines()), static_cast<long long>(layout.text()), static_cast<long long>(layout.rows()));

  // Rows are packed vision first, then newlines, then text. Reading order lives in the positions.
  const auto at = [&](index_t row) { return layout.positions()[row]; };
  const index_t newline = layout.vision(), text = newline + layout.newlines();
  std::printf("positions: vision %d..%d, newlines", at(0), at(newline - 1));
  for (index_t row = newline; row < text; ++row) std::printf(" %d", at(row));
  std::printf(", text %d..%d and %d..%d\n\n", at(text), at(text + 34), at(text + 35), at(text + 49));

  // A plain decoder of that size. Its weights have shapes but no memory: enough to plan with.
  Plan plan;
  const auto weights = pv::shape_only_weights<Engine>(Sizes{});
  const pv::PlainDecoder<Engine, Sizes> decoder(plan, Sizes{}, weights);
  const pv::Cost prefill = decoder.plan_prefill(layout, {.savings = pv::Savings::none()});
  const double all = prefill.flops(), layers = Sizes::layers;

  // Where does it go? Run one FFN and one lm_head on a counting engine of their own.
  const auto rows = pv::Out<Engine>(nullptr, layout.rows(), Sizes::hidden);
  Plan ffn, head;
  pv::Ffn<Engine>(weights.layers[0].gate, weights.layers[0].up, weights.layers[0].down).add_to(ffn, rows, rows);
  decoder.head()(head, rows.row_range(0, 1), rows.row_range(0, 1), {nullptr, 1, Sizes::vocab});
  const double projections = all - prefill.attention_flops - layers * ffn.cost().flops() - head.cost().flops();

  std::printf("reading the prompt: %.1f TFLOP\n", all / 1e12);
  print_part("feed-forward networks", layers * ffn.cost().flops(), all);
  print_part("attention projections", projections, all);
  print_part("attention scores", prefill.attention_flops, all);
  print_part("choosing a token", head.cost().flops(), all);

  // The same question without the picture.
  const std::vector<pv::TokenId> text_ids(50, 1);
  const pv::TokenLayout text_only({text_ids.data(), 50}, {}, shape);
  const pv::Cost without = decoder.plan_prefill(text_only, {.savings = pv::Savings::none()});
  std::printf("\nwithout the picture: %.1f TFLOP; the picture is %.1f %% of the work\n", without.flops() / 1e12,
              100.0 * (1.0 - without.flops() / all));
  std::printf("each token of the answer: %.3f TFLOP\n", decoder.plan_append(layout.rows()).flops() / 1e12);
}
