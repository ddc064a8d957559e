// Which engine the options mean, decided once for everything that opens a checkpoint.
#pragma once

#include <memory>
#include <string>

#include "asking.hpp"

namespace asking {

template <class T>
using Opener = std::unique_ptr<T> (*)(const std::string& folder, const Options& options);

/// Opens the folder with the opener of the engine that the options name. cuda: null in builds without
/// kernels. Throws ArgumentError for an engine that this build has not, and an element type that the engine
/// has not.
template <class T>
std::unique_ptr<T> open_on(const std::string& folder, const Options& options, Opener<T> eigen,
                           Opener<T> cuda) {
  if (options.engine == Engine::cuda) {
    PROXYV_CHECK(cuda != nullptr, pv::ArgumentError,
                 "engine cuda: this build has no kernels (-DPROXYV_CUDA=ON)");
    return cuda(folder, options);
  }
  PROXYV_CHECK(options.element == pv::DType::f32, pv::ArgumentError, "engine eigen: element type ",
               pv::dtype_name(options.element), ", wanted f32");
  return eigen(folder, options);
}

}  // namespace asking
