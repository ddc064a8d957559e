// Looking into a checkpoint at work on a picture and a question: attention, proxies, states.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "asking.hpp"
#include "proxyv/look/attention.hpp"
#include "proxyv/look/picture_map.hpp"
#include "proxyv/look/proxy_map.hpp"

namespace looking {

namespace pv = proxyv;
using pv::index_t;

/// What one layer shows. Attention is that of the first question's last token, mean over the heads.
struct Layer {
  pv::look::AttentionMass last;     ///< where the last token looks
  pv::look::AttentionMass proxies;  ///< where the proxies look, mean over them; ProxyV layers only
  std::vector<double> vision;       ///< [crops * side^2] attention of the last token to each vision token
  double mir = 0.0;                 ///< this layer's term of the modality integration rate
};

struct Looked {
  std::string first_piece;  ///< what the model would say first
  index_t vision = 0, newlines = 0, text = 0, proxy_rows = 0;
  index_t side = 0, start_layer = 0, mir_text = 0;  ///< mir_text: text states that MIR was taken over
  std::vector<Layer> layers;
  std::vector<pv::look::CropPlace> places;  ///< one per crop
  std::vector<pv::look::ProxyMap> proxies;  ///< one per crop; none for a plain decoder
  bool learned = false;                     ///< the proxies are learned: every crop has a map of its own
  double mir = 0.0;
};

/// A checkpoint that lets itself be looked into.
class Looker {
 public:
  Looker() = default;
  Looker(const Looker&) = delete;
  Looker& operator=(const Looker&) = delete;
  virtual ~Looker() = default;

  /// Attention of the first question; MIR over the picture's states and all questions' text states.
  virtual Looked look(const pv::Image& picture, const std::vector<std::string>& questions) const = 0;
};

/// Loads a checkpoint folder for the engine that the options name. Throws as asking::open.
std::unique_ptr<Looker> open(const std::string& folder, const asking::Options& options);

std::unique_ptr<Looker> open_on_eigen(const std::string& folder, const asking::Options& options);
std::unique_ptr<Looker> open_on_cuda(const std::string& folder, const asking::Options& options);

}  // namespace looking
