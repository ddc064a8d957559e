#include "golden/engines.hpp"
#include "golden/run_file.hpp"
#include "proxyv/onednn.hpp"

namespace golden {

void check_on_onednn(const GoldenFile& file, const Settings& settings, Report& report) {
  check_file<OneDnnBackend>(file, settings, report);
}

}  // namespace golden
