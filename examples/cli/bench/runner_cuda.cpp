#include "front.hpp"
#include "proxyv/cuda.hpp"

namespace bench {

std::unique_ptr<Runner> runner_on_cuda(const std::string& element) {
  PROXYV_CHECK(pv::cuda::device_count() > 0, pv::ArgumentError, "engine cuda: no CUDA device");
  const auto make = [&]<class T>(T) -> std::unique_ptr<Runner> {
    return std::make_unique<RunnerOn<pv::CudaBackend<T>>>(standard_variants<pv::CudaBackend<T>>());
  };
  if (element == "f32") return make(float{});
  if (element == "f16") return make(pv::f16{});
  return make(pv::bf16{});
}

}  // namespace bench
