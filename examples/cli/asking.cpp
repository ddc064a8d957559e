#include "asking.hpp"

namespace asking {

std::unique_ptr<Asker> open(const std::string& folder, const Options& options) {
  if (options.engine == Engine::cuda) {
#ifdef PROXYV_ASKING_CUDA
    return open_on_cuda(folder, options);
#else
    pv::detail::fail(pv::ArgumentError("engine cuda: this build has no kernels (-DPROXYV_CUDA=ON)"));
#endif
  }
  PROXYV_CHECK(options.element == pv::DType::f32, pv::ArgumentError, "engine eigen: element type ",
               pv::dtype_name(options.element), ", wanted f32");
  return open_on_eigen(folder, options);
}

}  // namespace asking
