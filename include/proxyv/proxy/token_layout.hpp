// TokenLayout: which tokens a prompt has, in which packed order, at which positions.
//
// Outside ProxyV layers rows stand as  [ vision V | newline C | text T ],
// inside them keys stand as            [ vision V | proxy P | newline C | text T ]
// and queries as                                 [ proxy P | newline C | text T ].
// The packed order is not the reading order: reading order lives in the positions, and a token
// sees what is not after it by position. Host memory only; computed before any tensor exists.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "proxyv/core/checked.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/proxy/semantics.hpp"

namespace proxyv::inline v0 {

/// One image of a prompt: crops of an AnyRes image (base crop first), or frames of a video.
struct ImageSlot {
  index_t crops = 0;
  bool video = false;
  index_t tokens = 0;     ///< per crop when it is not what the model says, e.g. of a picture stitched into one run; 0: it is
  bool newlines = true;   ///< a newline behind each crop
};

/// What a model says about its vision tokens.
struct CropShape {
  index_t tokens = 0;      ///< full vision tokens per crop
  index_t proxies = 0;     ///< proxy tokens per crop; 0 = no proxies
  index_t max_length = 0;  ///< cap on vision + newline + text tokens, text is cut; 0 = none
};

/// A prompt of one row, packed. See the top of the file for the orders.
class TokenLayout {
 public:
  TokenLayout() = default;

  /// ids: the prompt, with image_token once per image, in order.
  /// Throws ArgumentError when placeholders and images do not match, there is no text token, or
  /// there is no room for one.   Source: prepare_inputs_labels_for_multimodal, llava_arch.py.
  TokenLayout(Span<const TokenId> ids, Span<const ImageSlot> images, const CropShape& shape, const Semantics& semantics = {})
      : shape_(shape), semantics_(semantics) {
    PROXYV_CHECK(shape.tokens >= 0 && shape.proxies >= 0 && shape.max_length >= 0, ArgumentError, "TokenLayout: negative size");
    PROXYV_CHECK(shape.tokens <= most && shape.proxies <= most, ArgumentError, "TokenLayout: too many tokens per crop");
    check_sizes(ids, images);
    std::vector<std::int32_t> newline, proxy;
    index_t cursor = 0, image = 0, vision_end = -1;
    for (const TokenId id : ids) {
      if (id != image_token) {
        text_ids_.push_back(id);
        text_positions_.push_back(static_cast<std::int32_t>(cursor++));
        continue;
      }
      const ImageSlot& slot = images[image++];
      add_image(slot, cursor, semantics, newline, proxy);
      cursor += slot.crops * stride_of(slot);
      vision_end = cursor - 1;
      ends_in_newline_ = slot.newlines;
    }
    videos_ = !images.empty() && std::all_of(images.begin(), images.end(), [](const ImageSlot& slot) { return slot.video; });
    cut_text(static_cast<index_t>(positions_.size() + newline.size()));
    finish(newline, proxy, vision_end);
  }

  /// This row in a batch whose longest rows have so many crops and text tokens: filled up, as the reference does, with
  /// dummy crops (features of zeros, a newline each, position 0) and text (zeros, positions going on). Nothing sees
  /// what is filled in, but it looks like any other row. Text beyond is cut.
  /// Source: prepare_inputs_labels_for_multimodal, llava_arch.py.
  TokenLayout padded(index_t crops, index_t text_tokens) const {
    PROXYV_CHECK(crops >= newlines_ && text_tokens > 0 && !hides_rows() && !own_sizes_, ArgumentError, "TokenLayout: ", newlines_, " crops padded to ", crops, " and ",
                 text(), " text tokens to ", text_tokens);
    const auto added = checked_mul(crops - newlines_, shape_.tokens + shape_.proxies + 1);
    PROXYV_CHECK(added.has_value() && *added <= most && text_tokens <= most, ArgumentError, "TokenLayout: too many tokens");
    TokenLayout out = *this;
    if (text() > text_tokens) {
      out.text_ids_.resize(at(text_tokens));
      out.text_positions_.resize(at(text_tokens));
    }
    out.fill(crops, text_tokens);
    return out;
  }

  index_t vision() const { return vision_; }
  index_t newlines() const { return newlines_; }
  index_t text() const { return text_; }
  index_t proxies() const { return proxies_; }
  /// How many of them are the prompt's own; they stand first.
  index_t own_vision() const { return own_vision_; }
  index_t own_newlines() const { return own_crops_; }
  index_t own_proxies() const { return own_crops_ * shape_.proxies; }
  index_t own_text() const { return static_cast<index_t>(text_ids_.size()); }
  /// Whether all its images are videos, whose frames may have other sizes than crops.
  bool videos() const { return videos_; }
  /// Whether rows were filled in.
  bool hides_rows() const { return !key_positions_.empty(); }
  const Semantics& semantics() const { return semantics_; }
  /// Crops, filled ones too.
  index_t crops() const { return own_sizes_ ? crops_ : newlines_; }
  /// Whether some image is no run of crops as the model says: other tokens per crop, or no newlines.
  bool own_sizes() const { return own_sizes_; }
  /// Vision, newline and text tokens: rows outside ProxyV layers and in the cache.
  index_t rows() const { return vision_ + newlines_ + text(); }
  const CropShape& crop_shape() const { return shape_; }

  Span<const TokenId> text_ids() const { return {text_ids_.data(), own_text()}; }
  /// [rows] positions of vision, newline, text.
  Span<const std::int32_t> positions() const { return {positions_.data(), rows()}; }
  /// [proxies + newlines + text] positions of the rows that query in ProxyV layers. Proxies are
  /// numbered 0, 1, 2, ... from the start of their image; they do not line up with the tokens they
  /// stand for.
  Span<const std::int32_t> focus_positions() const { return {focus_positions_.data(), proxies_ + newlines_ + text()}; }

  /// The same as keys have them: rows that were filled in stand after everything, where nobody sees them.
  Span<const std::int32_t> key_positions() const { return hides_rows() ? Span<const std::int32_t>{key_positions_.data(), rows()} : positions(); }
  Span<const std::int32_t> focus_key_positions() const {
    return hides_rows() ? Span<const std::int32_t>{focus_key_positions_.data(), proxies_ + newlines_ + text()} : focus_positions();
  }

  /// Packed row whose logits choose the next token, and that token's position.
  index_t last_row() const { return last_row_; }
  index_t next_position() const { return next_position_; }

  /// May row `query` look at row `key`, both packed [vision | newline | text]?
  bool sees(index_t query, index_t key) const { return positions_[at(query)] >= key_positions()[key]; }

  /// The same in a ProxyV layer: query in [proxy | newline | text], key in [vision | proxy | newline | text].
  /// Proxies do not see full vision tokens, and nothing but proxies sees proxies.
  bool proxy_layer_sees(index_t query, index_t key) const {
    const bool from_proxy = query < proxies_;
    if (key < vision_) return !from_proxy && focus_positions_[at(query)] >= key_positions()[key];
    const index_t focus_key = key - vision_;
    if (focus_key < proxies_ && !from_proxy) return false;
    return focus_positions_[at(query)] >= focus_key_positions()[focus_key];
  }

  /// proxy_layer_sees as bytes [proxy + newline + text, vision + proxy + newline + text].
  std::vector<std::uint8_t> proxy_layer_mask() const {
    const index_t queries = proxies_ + newlines_ + text(), keys = vision_ + queries;
    std::vector<std::uint8_t> mask(at(element_count(queries, keys, "mask")));
    for (index_t q = 0; q < queries; ++q)
      for (index_t k = 0; k < keys; ++k) mask[at(q * keys + k)] = proxy_layer_sees(q, k) ? 1 : 0;
    return mask;
  }

 private:
  static constexpr index_t most = std::numeric_limits<std::int32_t>::max();
  static constexpr std::int32_t unseen = std::numeric_limits<std::int32_t>::max();

  static std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

  void check_sizes(Span<const TokenId> ids, Span<const ImageSlot> images) const {
    PROXYV_CHECK((ids.empty() || ids.data() != nullptr) && (images.empty() || images.data() != nullptr), ArgumentError,
                 "TokenLayout: null ids or images");
    index_t placeholders = 0;
    for (const TokenId id : ids) placeholders += id == image_token ? 1 : 0;
    PROXYV_CHECK(placeholders == images.size(), ArgumentError, "TokenLayout: ", placeholders, " image placeholders in the prompt, ",
                 images.size(), " images");
    PROXYV_CHECK(ids.size() > placeholders, ArgumentError, "TokenLayout: a prompt needs at least one text token");
    index_t all = ids.size();
    for (const ImageSlot& slot : images) {
      const index_t per_crop = tokens_of(slot);
      PROXYV_CHECK(slot.crops > 0 && per_crop > 0 && per_crop <= most, ArgumentError, "TokenLayout: an image of ", slot.crops, " crops of ", per_crop,
                   " tokens");
      const auto tokens = checked_mul(slot.crops, per_crop + shape_.proxies + 1);
      const auto sum = tokens ? checked_add(all, *tokens) : std::nullopt;
      PROXYV_CHECK(sum.has_value() && *sum <= most, ArgumentError, "TokenLayout: too many tokens");
      all = *sum;
    }
  }

  index_t tokens_of(const ImageSlot& slot) const { return slot.tokens > 0 ? slot.tokens : shape_.tokens; }
  /// Positions a crop takes.
  index_t stride_of(const ImageSlot& slot) const { return tokens_of(slot) + (slot.newlines ? 1 : 0); }

  void add_image(const ImageSlot& slot, index_t start, const Semantics& semantics, std::vector<std::int32_t>& newline,
                 std::vector<std::int32_t>& proxy) {
    const index_t tokens = tokens_of(slot), stride = stride_of(slot);
    const bool shifted = semantics.subcrop_newline_without_base_offset && !slot.video;
    crops_ += slot.crops;
    own_sizes_ = own_sizes_ || tokens != shape_.tokens || !slot.newlines;
    for (index_t c = 0; c < slot.crops; ++c) {
      for (index_t j = 0; j < tokens; ++j) positions_.push_back(static_cast<std::int32_t>(start + c * stride + j));
      if (!slot.newlines) continue;
      const index_t own = c * stride + tokens;
      newline.push_back(static_cast<std::int32_t>(start + (shifted && c > 0 ? own - stride : own)));
    }
    for (index_t p = 0; p < slot.crops * shape_.proxies; ++p) proxy.push_back(static_cast<std::int32_t>(start + p));
  }

  /// Text is cut from the end; vision never is.
  void cut_text(index_t taken) {
    if (shape_.max_length == 0) return;
    const index_t room = shape_.max_length - taken;
    PROXYV_CHECK(room >= 1, ArgumentError, "TokenLayout: ", crops_, " crops leave no room for text in ", shape_.max_length, " tokens");
    if (own_text() > room) {
      text_ids_.resize(at(room));
      text_positions_.resize(at(room));
    }
  }

  void finish(const std::vector<std::int32_t>& newline, const std::vector<std::int32_t>& proxy, index_t vision_end) {
    vision_ = own_vision_ = static_cast<index_t>(positions_.size());
    newlines_ = own_crops_ = static_cast<index_t>(newline.size());
    proxies_ = static_cast<index_t>(proxy.size());
    text_ = own_text();
    focus_positions_ = proxy;
    for (auto* to : {&positions_, &focus_positions_}) {
      to->insert(to->end(), newline.begin(), newline.end());
      to->insert(to->end(), text_positions_.begin(), text_positions_.end());
    }
    end(vision_end);
  }

  /// Where the row ends, and what follows it.
  void end(index_t vision_end) {
    const index_t last_text = text_positions_.back();
    const bool ends_in_text = last_text > vision_end;
    vision_end_ = vision_end;
    next_position_ = (ends_in_text ? last_text : vision_end) + 1;
    last_row_ = ends_in_text ? vision_ + newlines_ + own_text() - 1 : ends_in_newline_ ? vision_ + own_crops_ - 1 : vision_ - 1;
    if (semantics_.next_token == NextToken::packed_last) last_row_ = rows() - 1;
    if (semantics_.decode_position == DecodePosition::packed) next_position_ = rows();
  }

  void fill(index_t crops, index_t text_tokens) {
    std::vector<std::int32_t> text_positions = text_positions_;
    for (std::int32_t next = text_positions.back(); static_cast<index_t>(text_positions.size()) < text_tokens;) text_positions.push_back(++next);
    // own: [first | newline]; filled: first and newline up to their counts, then the text.
    const auto filled = [&](const std::vector<std::int32_t>& own, index_t first, index_t first_filled, bool as_keys) {
      const auto begin = own.begin(), newline = begin + first;
      std::vector<std::int32_t> out(begin, newline);
      out.resize(at(first_filled), as_keys ? unseen : 0);
      out.insert(out.end(), newline, newline + own_crops_);
      out.resize(at(first_filled + crops), as_keys ? unseen : 0);
      out.insert(out.end(), text_positions.begin(), text_positions.end());
      if (as_keys) std::fill(out.begin() + first_filled + crops + own_text(), out.end(), unseen);
      return out;
    };
    const index_t vision = crops * shape_.tokens, proxies = crops * shape_.proxies;
    key_positions_ = filled(positions_, vision_, vision, true);
    focus_key_positions_ = filled(focus_positions_, proxies_, proxies, true);
    positions_ = filled(positions_, vision_, vision, false);
    focus_positions_ = filled(focus_positions_, proxies_, proxies, false);
    vision_ = vision;
    newlines_ = crops;
    proxies_ = proxies;
    text_ = text_tokens;
    end(vision_end_);
    if (crops == own_crops_ && text_tokens == own_text()) {  // nothing was filled in
      key_positions_.clear();
      focus_key_positions_.clear();
    }
  }

  CropShape shape_;
  bool videos_ = false;
  Semantics semantics_;
  index_t vision_ = 0, newlines_ = 0, proxies_ = 0, text_ = 0, own_vision_ = 0, own_crops_ = 0, crops_ = 0, last_row_ = 0, next_position_ = 0;
  bool own_sizes_ = false, ends_in_newline_ = true;
  index_t vision_end_ = -1;  ///< position of the last image's end in reading order
  std::vector<TokenId> text_ids_;
  std::vector<std::int32_t> text_positions_, positions_, focus_positions_;
  std::vector<std::int32_t> key_positions_, focus_key_positions_;  ///< empty unless rows were filled in
};

}  // namespace proxyv::inline v0
