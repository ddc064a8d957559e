// The paper's studies as stacks, and as decoders of a configuration that names one.
//
//   Decoder<B, Vicuna7B, Stack<12, DecoderLayer>, AttentionSkipStack<20>>
#pragma once

#include "proxyv/model/decoder.hpp"

namespace proxyv::inline v0 {

/// Vision rows do not see vision rows. Any place; needs no training, so also before a ProxyStack.
template <index_t Count>
using VisionMaskStack = Stack<Count, VisionMaskLayer>;
/// Vision rows without attention: their own value through the output projection, as the paper counts it.
template <index_t Count>
using AttentionSkipStack = Stack<Count, AttentionKeepLayer>;
/// Vision rows without attention, nothing in its place.
template <index_t Count>
using AttentionDropStack = Stack<Count, AttentionDropLayer>;
/// Vision rows without attention and FFN.
template <index_t Count>
using FfnSkipStack = Stack<Count, FfnSkipLayer>;
/// The same with a light MLP. Its weights are numbered from Cfg::proxy_start to the last layer, where it has
/// to stand.
template <index_t Count>
using LightMlpStack = Stack<Count, LightMlpLayer>;

/// Plain layers, and from Cfg::proxy_start on those of the study that the configuration names.
template <class B, DecoderConfig Cfg = RuntimeConfig>
using StudyDecoder = Decoder<B, Cfg, Stack<dyn, DecoderLayer>, Stack<dyn, StudyLayer>>;

}  // namespace proxyv::inline v0
