#include "front.hpp"
#include "proxyv/eigen/backend.hpp"

namespace bench {

std::unique_ptr<Runner> runner_on_eigen() {
  return std::make_unique<RunnerOn<pv::EigenBackend>>(standard_variants<pv::EigenBackend>());
}

}  // namespace bench
