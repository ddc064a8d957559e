#include "asking.hpp"

#include "engine_door.hpp"

namespace asking {

std::unique_ptr<Asker> open(const std::string& folder, const Options& options) {
#ifdef PROXYV_ASKING_CUDA
  return open_on<Asker>(folder, options, open_on_eigen, open_on_cuda);
#else
  return open_on<Asker>(folder, options, open_on_eigen, nullptr);
#endif
}

}  // namespace asking
