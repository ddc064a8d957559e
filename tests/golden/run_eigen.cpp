#include "golden/engines.hpp"
#include "golden/run_file.hpp"
#include "proxyv/eigen.hpp"

namespace golden {

void check_on_eigen(const GoldenFile& file, const Settings& settings, Report& report) {
  check_file<EigenBackend>(file, settings, report);
}

}  // namespace golden
