// Everything that needs only the standard library: tensors, the engine contract, the reference and
// the counting engine, layers, ProxyV, and decoders. Engines: proxyv/eigen.hpp. Files: proxyv/io.hpp.
#pragma once

#include "proxyv/backend/concepts.hpp"
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/core/buffer.hpp"
#include "proxyv/core/checked.hpp"
#include "proxyv/core/dtype.hpp"
#include "proxyv/core/error.hpp"
#include "proxyv/core/shape.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/layers/decoder_layer.hpp"
#include "proxyv/layers/embedding.hpp"
#include "proxyv/layers/lm_head.hpp"
#include "proxyv/model/decoder.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/random.hpp"
#include "proxyv/model/session.hpp"
#include "proxyv/version.hpp"
#include "proxyv/vision/clip_encoder.hpp"
#include "proxyv/vision/projector.hpp"
