#include "asker.hpp"
#include "proxyv/eigen/backend.hpp"

namespace asking {

std::unique_ptr<Asker> open_on_eigen(const std::string& folder, const Options& options) {
  return std::make_unique<AskerOn<pv::EigenBackend>>(folder, options);
}

}  // namespace asking
