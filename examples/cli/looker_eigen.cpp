#include "looker.hpp"
#include "proxyv/eigen/backend.hpp"

namespace looking {

std::unique_ptr<Looker> open_on_eigen(const std::string& folder, const asking::Options& options) {
  return std::make_unique<LookerOn<pv::EigenBackend>>(folder, options);
}

}  // namespace looking
