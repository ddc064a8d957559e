// Lmm: a whole checkpoint at work: preprocessing, vision encoder, projector, decoder.
//
// The family and the ProxyV variant are read from config.json; which decoder type they mean is
// decided once, here, and visit() hands it on.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proxyv/io/checkpoint.hpp"
#include "proxyv/io/config.hpp"
#include "proxyv/model/load.hpp"
#include "proxyv/model/load_family.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/rope_scaling.hpp"
#include "proxyv/model/session.hpp"
#include "proxyv/model/study_stacks.hpp"
#include "proxyv/reduce/drop_stack.hpp"
#include "proxyv/reduce/vision_zip.hpp"
#include "proxyv/vision/clip_encoder.hpp"
#include "proxyv/vision/pool_2d.hpp"
#include "proxyv/vision/preprocess.hpp"
#include "proxyv/vision/projector.hpp"

namespace proxyv::inline v0 {

/// Which way a checkpoint's decoder is run.
enum class RunForm : std::uint8_t {
  as_trained,  ///< as config.json says
  plain,       ///< every token through every layer, whatever the checkpoint
  proxyv,      ///< with proxies, or as the study it was trained as; refused when the checkpoint has no ProxyV weights
};

/// The rotary embedding's stretching as config.json has it. context: positions that prompts and answers together
/// will take, where the formula asks; 0: those the model was trained on first.
inline RotaryScaling rope_scaling(const io::CheckpointConfig& c, index_t context = 0) {
  const io::RopeConfig& r = c.rope;
  const index_t original = r.original_positions > 0 ? r.original_positions : c.max_position_embeddings;
  const index_t wanted = context > 0 ? context : original;
  const auto numbers = [](const std::vector<double>& v) { return Span<const double>(v.data(), static_cast<index_t>(v.size())); };
  switch (r.type) {
    case io::RopeType::plain: break;
    case io::RopeType::linear: return linear_scaling(c.head_dim, r.factor);
    case io::RopeType::dynamic: return dynamic_scaling(c.head_dim, r.factor, original, wanted);
    case io::RopeType::llama3: return llama3_scaling(c.head_dim, c.rope_theta, r.factor, r.low_freq_factor, r.high_freq_factor, original);
    case io::RopeType::longrope:
      return long_rope_scaling(numbers(r.short_factor), numbers(r.long_factor), original, c.max_position_embeddings, wanted, r.amplitude);
  }
  return {};
}

/// The vision reduction as config.json has it.
inline Reduction reduction_of_checkpoint(const io::CheckpointConfig& c) {
  using Method = io::VisionReduction::Method;
  Reduction out;
  for (const io::VisionReduction& r : c.vision_reduction) {
    if (r.method == Method::vision_zip) {
      out.zip = {r.dominant, r.contextual, r.stitched ? ZipLayout::stitched : ZipLayout::crop_major};
      continue;
    }
    DropSchedule& drops = out.drops;
    drops.rule = r.method == Method::pyramid_drop ? DropRule::pyramid_drop : r.mask ? DropRule::fast_v_mask : DropRule::fast_v;
    drops.count = static_cast<index_t>(r.layers.size());
    drops.per_crop = r.per_crop;
    for (std::size_t i = 0; i < r.layers.size(); ++i) {
      drops.layers.at(i) = r.layers[i];
      drops.keep.at(i) = {r.ratios[i], -1, r.method == Method::fast_v ? Rounding::half_even : Rounding::down};
    }
  }
  return out;
}

/// How a checkpoint is turned into a decoder.
struct RunOptions {
  RunForm form = RunForm::as_trained;
  index_t context = 0;  ///< see rope_scaling()
  /// The reference's Phi-3 spreads learned proxies over blocks, as if they were spatial. False: by their splat
  /// weights, as in the other families.
  bool phi3_blockwise_update = true;
  std::optional<Reduction> reduction{};  ///< of vision tokens, another one than config.json names
};

/// The study as config.json has it.
inline StudyVariant study_variant(const io::StudyConfig& c) {
  const Study kind = c.kind == "mask_v2v"         ? Study::mask_v2v
                     : c.kind == "attn_skip_drop" ? Study::attn_skip_drop
                     : c.kind == "attn_skip_keep" ? Study::attn_skip_keep
                     : c.kind == "attn_ffn_skip"  ? Study::attn_ffn_skip
                                                  : Study::none;
  return {.kind = kind, .keep_self = c.keep_self, .light_mlp = c.light_mlp, .light_mlp_norm = c.light_mlp_norm};
}

/// The decoder's sizes as config.json has them.
inline RuntimeConfig runtime_config(const io::CheckpointConfig& c, const RunOptions& options = {}) {
  const RunForm form = options.form;
  const StudyVariant study = form == RunForm::plain ? StudyVariant{} : study_variant(c.study);
  const bool studied = study.kind != Study::none;
  PROXYV_CHECK(form != RunForm::proxyv || c.proxyv || studied, ArgumentError, "the checkpoint was not trained with ProxyV (config.json: proxyv is false)");
  const bool proxies = c.proxyv && form != RunForm::plain;
  const Reduction reduced = options.reduction ? *options.reduction : form == RunForm::plain ? Reduction{} : reduction_of_checkpoint(c);
  const index_t factor = proxies ? c.proxyv_reduce_factor : 1;
  return {.hidden = c.hidden_size,
          .layers = c.num_hidden_layers,
          .heads = c.num_attention_heads,
          .kv_heads = c.num_key_value_heads,
          .head_dim = c.head_dim,
          .ffn = c.intermediate_size,
          .vocab = c.vocab_size,
          .norm_eps = static_cast<float>(c.rms_norm_eps),
          .rope_theta = c.rope_theta,
          .tied_embeddings = c.tie_word_embeddings,
          .qkv_bias = c.family == io::Family::qwen2,
          .proxy_start = proxies || studied ? c.proxyv_start_layer : c.num_hidden_layers,
          .proxy_factor = factor,
          .crop_side = std::max<index_t>(c.crop_side, 1),
          .update_inner = studied ? c.light_mlp_hidden() : c.vision_update_hidden(),
          .learned_proxies = proxies && c.learn_proxy,
          .rope_scaling = rope_scaling(c, options.context),
          .blockwise_update = c.family == io::Family::phi3 && options.phi3_blockwise_update,
          .crop_proxies = proxies && c.learn_proxy && reduced.zip.on() ? std::max<index_t>(1, reduced.zip.tokens() / (factor * factor)) : 0,
          .reduction = reduced,
          .study = study};
}

/// The encoder's sizes as config.json has them.
inline ClipConfig clip_config(const io::CheckpointConfig& c) {
  PROXYV_CHECK(c.vision.has_value(), ArgumentError, "the checkpoint has no vision encoder (config.json: no vision_config)");
  const io::VisionConfig& v = *c.vision;
  return {.hidden = v.hidden_size,
          .layers = v.num_hidden_layers,
          .heads = v.num_attention_heads,
          .ffn = v.intermediate_size,
          .image_size = v.image_size,
          .patch_size = v.patch_size,
          .act = v.quick_gelu ? Act::quick_gelu : Act::gelu,
          .norm_eps = static_cast<float>(v.layer_norm_eps),
          .select_layer = c.mm_vision_select_layer};
}

/// The preprocessing as config.json has it.
inline ImageProcessor image_processor(const io::CheckpointConfig& c) {
  const ClipConfig clip = clip_config(c);
  ImageProcessor p;
  p.crop_size = clip.image_size;
  p.patch_size = clip.patch_size;
  for (std::size_t i = 0; i < 3; ++i) {
    p.mean[i] = static_cast<float>(c.vision->image_mean[i]);
    p.std[i] = static_cast<float>(c.vision->image_std[i]);
  }
  for (const auto& size : c.image_grid_pinpoints) p.pinpoints.push_back({size.width, size.height});
  p.aspect = c.image_aspect_ratio == "pad"                                ? ImageAspect::pad
             : c.image_aspect_ratio == "anyres" && !p.pinpoints.empty() ? ImageAspect::anyres
                                                                          : ImageAspect::resize;
  return p;
}

/// A picture's or a video's tokens, ready for prompts. Keep it to ask again.
template <class B>
struct EncodedPicture {
  Buffer<Elem<B>, SpaceOf<B>> storage;
  index_t crops = 0;  ///< of a video: frames
  index_t rows = 0;
  index_t hidden = 0;
  bool video = false;
  bool stitched = false;  ///< one run of tokens, not crop after crop

  In<B> tokens() const { return storage.matrix(rows, hidden); }
  ImageSlot slot() const {
    if (!stitched) return {crops, video};
    return {.crops = 1, .video = false, .tokens = rows, .newlines = crops == 1};
  }
};

/// How frames of a video become tokens.
struct VideoOptions {
  index_t stride = 2;                         ///< so many tokens per side become one; 1: all are kept
  PoolMode mode = PoolMode::average;          ///< how
  ImageAspect aspect = ImageAspect::centre;   ///< how a frame becomes one crop; not anyres
  index_t frames_at_once = 8;                 ///< go through the encoder together
};

namespace detail {

/// Decoders that drop tokens want an engine that can rank them.
template <class B>
struct DecodersOf {
  using type = std::variant<PlainDecoder<B>, ProxyDecoder<B>, LearnedProxyDecoder<B>, StudyDecoder<B>>;
};
template <RankOps B>
struct DecodersOf<B> {
  using type = std::variant<PlainDecoder<B>, ProxyDecoder<B>, LearnedProxyDecoder<B>, StudyDecoder<B>, ReducedDecoder<B>, ReducedProxyDecoder<B>>;
};

}  // namespace detail

template <class B>
class Lmm {
 public:
  using backend = B;
  using AnyDecoder = typename detail::DecodersOf<B>::type;

  struct Options {
    RunForm form = RunForm::as_trained;
    LoadOptions load{};
    index_t context = 0;                ///< as in RunOptions
    bool phi3_blockwise_update = true;  ///< as in RunOptions
    /// Drops or merges vision tokens as this says, whatever config.json says: what is called training-free.
    std::optional<Reduction> reduction{};
  };

  /// Loads a checkpoint folder: config.json and safetensors, used in place. The engine needs no
  /// workspace for this. Throws LoadError naming file, tensor, wanted and found.
  Lmm(B& be, const std::string& folder, const Options& options = {})
      : files_(std::make_shared<io::Checkpoint>(folder)),
        checkpoint_(io::read_config(files_->folder() + "/config.json")),
        config_(runtime_config(checkpoint_, {options.form, options.context, options.phi3_blockwise_update, options.reduction})),
        decoder_(make_decoder(be, options)) {
    if (!checkpoint_.has_pictures()) return;
    processor_ = image_processor(checkpoint_);
    store_ = std::make_shared<WeightStore<B>>(files_);
    LoadVisitor<B, io::Checkpoint> visitor(be, *files_, *store_, options.load);
    ClipWeights<B> clip;
    for_each_tensor<B>(clip_config(checkpoint_), clip, visitor);
    encoder_.emplace(be, clip_config(checkpoint_), clip);
    ProjectorWeights<B> projector;
    for_each_tensor<B>(checkpoint_.mm_hidden_size, checkpoint_.hidden_size, projector, visitor);
    projector_.emplace(projector);
  }

  const io::CheckpointConfig& checkpoint() const { return checkpoint_; }
  const io::Checkpoint& files() const { return *files_; }
  const RuntimeConfig& config() const { return config_; }
  bool has_vision() const { return encoder_.has_value(); }

  /// Calls f with the decoder in its own type.
  template <class F>
  decltype(auto) visit(F&& f) const {
    return std::visit(std::forward<F>(f), decoder_);
  }

  /// Crops a picture of this size will have; no weights are touched.
  index_t count_crops(index_t width, index_t height) const { return processor_.count_crops(width, height); }

  CropShape crop_shape() const {
    return visit([&](const auto& d) { return d.crop_shape(checkpoint_.tokenizer_model_max_length); });
  }

  /// Picture to tokens. Allocates the result; workspace as plan_encode says.
  template <class E>
    requires SameTensorsAs<E, B>
  EncodedPicture<B> encode(E& be, const Image& image) const {
    require_vision();
    const index_t count = count_crops(image.width(), image.height());
    PROXYV_CHECK(checkpoint_.max_num_image_crops == 0 || count <= checkpoint_.max_num_image_crops, ArgumentError, "encode: the picture has ",
                 count, " crops, config.json allows ", checkpoint_.max_num_image_crops);
    require_workspace<B>(be, "encode", [&](auto& plan) { count_encode(plan, count); });
    const index_t patches = count * encoder_->config().patches(), rows = count * tokens_per_crop(config_), width = processor_.values_per_patch();
    const bool stitched = zip().on() && zip().layout == ZipLayout::stitched;
    EncodedPicture<B> out{be.template alloc<Elem<B>>(rows * config_.hidden), count, rows, config_.hidden, false, stitched};
    auto pixels = host_buffer<float>(patches * width);
    processor_.patches(image, pixels.matrix(patches, width));
    run_encode(be, pixels.matrix(patches, width), out.storage.matrix(rows, config_.hidden), processor_.grid(image.width(), image.height()));
    be.sync();
    return out;
  }

  /// Frames to tokens: each is one crop, encoded, projected, and pooled to fewer tokens. Allocates the result, and room
  /// for frames_at_once frames; workspace as plan_encode(frames_at_once) says. Pack with frame_shape() of the same
  /// options.   Source: encode_images and get_2dPool in llava_arch.py.
  template <class E>
    requires SameTensorsAs<E, B>
  EncodedPicture<B> encode_video(E& be, std::span<const Image> frames, const VideoOptions& options = {}) const {
    const index_t side = frame_side(options), count = static_cast<index_t>(frames.size());
    PROXYV_CHECK(count > 0, ArgumentError, "encode_video: no frames");
    PROXYV_CHECK(!zip().on(), ArgumentError, "encode_video: frames are pooled over their raster, and VisionZip leaves none; load without it");
    PROXYV_CHECK(options.aspect != ImageAspect::anyres, ArgumentError, "encode_video: a frame is one crop, it cannot be anyres");
    PROXYV_CHECK(options.frames_at_once > 0, ArgumentError, "encode_video: frames_at_once ", options.frames_at_once, ", wanted a positive number");
    const index_t at_once = std::min(count, options.frames_at_once);
    require_workspace<B>(be, "encode_video", [&](auto& plan) { count_encode(plan, at_once); });
    ImageProcessor processor = processor_;
    processor.aspect = options.aspect;
    const index_t full = tokens_per_crop(config_), pooled = side * side, hidden = config_.hidden, width = processor.values_per_patch();
    const index_t rows = checked_rows(count, pooled, hidden);
    EncodedPicture<B> out{be.template alloc<Elem<B>>(rows * hidden), count, rows, hidden, true};
    auto tokens = be.template alloc<Elem<B>>(at_once * full * hidden);
    auto pixels = host_buffer<float>(at_once * full * width), features = host_buffer<float>(at_once * full * hidden),
         fewer = host_buffer<float>(at_once * pooled * hidden);
    for (index_t first = 0; first < count; first += at_once) {
      const index_t n = std::min(at_once, count - first);
      for (index_t i = 0; i < n; ++i)
        processor.patches(frames[static_cast<std::size_t>(first + i)], pixels.matrix(n * full, width).row_range(i * full, full));
      run_encode(be, pixels.matrix(n * full, width), tokens.matrix(n * full, hidden), {});
      be.download(tokens.matrix(n * full, hidden), features.matrix(n * full, hidden));
      pool_2d(features.matrix(n * full, hidden), fewer.matrix(n * pooled, hidden), config_.crop_side, options.stride, options.mode);
      be.upload(View<const float>(fewer.matrix(n * pooled, hidden)), out.storage.matrix(rows, hidden).row_range(first * pooled, n * pooled));
      be.sync();
    }
    return out;
  }

  /// How prompts with a video of these options are packed.
  CropShape frame_shape(const VideoOptions& options = {}) const {
    return visit([&](const auto& d) { return d.frame_shape(frame_side(options), checkpoint_.tokenizer_model_max_length); });
  }

  /// What encoding this many crops costs.
  Cost plan_encode(index_t crops) const {
    require_vision();
    PlanBackend<B> plan;
    count_encode(plan, crops);
    return plan.cost();
  }

 private:
  AnyDecoder make_decoder(B& be, const Options& options) const {
    // Weights in host memory stay where they lie, in the files or among the gathered ones; others are copied.
    struct Named {
      std::shared_ptr<const io::Checkpoint> files;
      FamilyTensors<io::Checkpoint> tensors;
    };
    const auto named = std::make_shared<const Named>(Named{files_, {*files_, checkpoint_.family, config_}});
    std::shared_ptr<const void> owner = files_;
    if constexpr (std::same_as<SpaceOf<B>, HostSpace>) owner = named;
    const auto load = [&]<class Model>(std::type_identity<Model>) -> AnyDecoder {
      return load_decoder<Model>(be, config_, named->tensors, owner, checkpoint_.has_pictures(), options.load);
    };
    if constexpr (RankOps<B>) {
      if (config_.reduction.drops.on()) {
        if (config_.proxy_start == config_.layers) return load(std::type_identity<ReducedDecoder<B>>{});
        if (config_.learned_proxies) return load(std::type_identity<ReducedProxyDecoder<B>>{});
      }
    }
    if (config_.proxy_start == config_.layers) return load(std::type_identity<PlainDecoder<B>>{});
    if (config_.study.kind != Study::none) return load(std::type_identity<StudyDecoder<B>>{});
    if (config_.learned_proxies) return load(std::type_identity<LearnedProxyDecoder<B>>{});
    return load(std::type_identity<ProxyDecoder<B>>{});
  }

  void require_vision() const {
    PROXYV_CHECK(encoder_.has_value(), ArgumentError, "the checkpoint is text-only: it cannot look at pictures");
    PROXYV_CHECK(zip().on() || encoder_->config().patches() == tokens_per_crop(config_), ArgumentError, "the encoder gives ",
                 encoder_->config().patches(), " tokens per crop, the decoder wants ", tokens_per_crop(config_));
  }

  index_t frame_side(const VideoOptions& options) const {
    require_vision();
    return pooled_side(config_.crop_side, options.stride, options.mode);
  }
  static index_t checked_rows(index_t frames, index_t pooled, index_t hidden) {
    const index_t rows = element_count(frames, pooled, "encode_video");
    element_count(rows, hidden, "encode_video");
    return rows;
  }
  const ZipSettings& zip() const { return config_.reduction.zip; }

  void count_encode(PlanBackend<B>& plan, index_t crops) const {
    const index_t patches = crops * encoder_->config().patches();
    run_encode(plan, View<const float>(nullptr, patches, processor_.values_per_patch()), {nullptr, crops * tokens_per_crop(config_), config_.hidden},
               {crops - 1, crops > 1 ? index_t{1} : index_t{0}});
  }

  template <class E>
  void run_encode(E& be, View<const float> pixels, Out<B> tokens, GridShape grid) const {
    auto frame = be.frame();
    auto patches = frame.matrix(pixels.rows(), pixels.cols());
    auto features = frame.matrix(tokens.rows(), encoder_->config().hidden);
    be.upload(pixels, patches);
    if (!zip().on()) {
      (*encoder_)(be, patches, features);
      return (*projector_)(be, features, tokens);
    }
    if constexpr (RankOps<E> && MergeOps<E>) {
      const index_t crops = pixels.rows() / encoder_->config().patches(), dominant = zip().dominant;
      std::vector<std::int32_t> kept(zip().layout == ZipLayout::stitched && crops > 1 ? static_cast<std::size_t>(crops * dominant) : 0);
      encoder_->tapped(be, patches, [&](auto& engine, const ClipTap<B>& tap) {
        const VisionZip<B> reduce(zip(), encoder_->config().heads, encoder_->config().patches() + 1);
        reduce(engine, tap.cls_weights, tap.keys, tap.hidden, features, [&](index_t crop, const ZipChoice<B>& chosen) {
          if (!kept.empty()) engine.download(Ids<B>(chosen.kept), Span<std::int32_t>(kept.data() + crop * dominant, dominant));
        });
      });
      if (kept.empty()) return (*projector_)(be, features, tokens);
      auto projected = frame.matrix(tokens.rows(), tokens.cols());
      (*projector_)(be, features, projected);
      stitch(be, projected, {kept.data(), crops, dominant}, grid, tokens);
    } else {
      PROXYV_CHECK(false, ArgumentError, "encode: the engine lacks the ops of VisionZip (RankOps, MergeOps)");
    }
  }

  /// tokens = the rows of crops in the order of the stitched picture.
  template <class E>
  void stitch(E& be, In<B> crops, View<const std::int32_t> kept, GridShape grid, Out<B> tokens) const {
    std::vector<std::int32_t> order;
    for (const ZipSource& from : stitched_order(kept, zip(), grid.across, grid.down, encoder_->config().grid()))
      order.push_back(static_cast<std::int32_t>(from.crop * zip().tokens() + from.row));
    order.resize(static_cast<std::size_t>(tokens.rows()));  // a counting engine has chosen nothing
    auto frame = be.frame();
    auto ids = frame.template span<std::int32_t>(tokens.rows());
    be.upload(Span<const std::int32_t>(order.data(), tokens.rows()), ids);
    be.gather(crops, ids, tokens);
  }

  std::shared_ptr<const io::Checkpoint> files_;
  io::CheckpointConfig checkpoint_;
  RuntimeConfig config_;
  AnyDecoder decoder_;
  ImageProcessor processor_;
  std::shared_ptr<WeightStore<B>> store_;
  std::optional<ClipEncoder<B>> encoder_;
  std::optional<Projector<B>> projector_;
};

}  // namespace proxyv::inline v0
