#include "looker.hpp"
#include "proxyv/cuda.hpp"

namespace looking {

std::unique_ptr<Looker> open_on_cuda(const std::string& folder, const asking::Options& options) {
  PROXYV_CHECK(pv::cuda::device_count() > 0, pv::ArgumentError, "engine cuda: no CUDA device");
  return pv::with_dtype(options.element, [&]<class T>(T) -> std::unique_ptr<Looker> {
    return std::make_unique<LookerOn<pv::CudaBackend<T>>>(folder, options);
  });
}

}  // namespace looking
