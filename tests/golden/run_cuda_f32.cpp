#include "golden/engines.hpp"
#include "golden/run_file.hpp"
#include "proxyv/cuda.hpp"

namespace golden {

bool have_cuda_device() { return cuda::device_count() > 0; }

void check_on_cuda_f32(const GoldenFile& file, const Settings& settings, Report& report) {
  check_file<CudaBackend<float>>(file, settings, report);
}

}  // namespace golden
