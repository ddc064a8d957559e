#include "looking.hpp"

#include "engine_door.hpp"

namespace looking {

std::unique_ptr<Looker> open(const std::string& folder, const asking::Options& options) {
#ifdef PROXYV_ASKING_CUDA
  return asking::open_on<Looker>(folder, options, open_on_eigen, open_on_cuda);
#else
  return asking::open_on<Looker>(folder, options, open_on_eigen, nullptr);
#endif
}

}  // namespace looking
