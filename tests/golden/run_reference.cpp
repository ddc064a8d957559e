#include "golden/engines.hpp"
#include "golden/run_file.hpp"
#include "proxyv/backend/reference.hpp"

namespace golden {

void check_on_reference(const GoldenFile& file, const Settings& settings, Report& report) {
  check_file<ReferenceBackend>(file, settings, report);
}

}  // namespace golden
