#include "asker.hpp"
#include "proxyv/cuda.hpp"

namespace asking {

std::unique_ptr<Asker> open_on_cuda(const std::string& folder, const Options& options) {
  PROXYV_CHECK(pv::cuda::device_count() > 0, pv::ArgumentError, "engine cuda: no CUDA device");
  return pv::with_dtype(options.element, [&]<class T>(T) -> std::unique_ptr<Asker> {
    return std::make_unique<AskerOn<pv::CudaBackend<T>>>(folder, options);
  });
}

}  // namespace asking
