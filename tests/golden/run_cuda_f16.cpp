#include "golden/engines.hpp"
#include "golden/run_file.hpp"
#include "proxyv/cuda.hpp"

namespace golden {

void check_on_cuda_f16(const GoldenFile& file, const Settings& settings, Report& report) {
  check_file<CudaBackend<f16>>(file, settings, report);
}

}  // namespace golden
