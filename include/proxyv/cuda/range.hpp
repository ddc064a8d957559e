// Named ranges for profilers, when the program is compiled with PROXYV_NVTX; nothing otherwise.
#pragma once

#ifdef PROXYV_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

namespace proxyv::inline v0 {
namespace cuda {

/// Open from here to the end of the scope.
class Range {
 public:
#ifdef PROXYV_NVTX
  explicit Range(const char* name) { nvtxRangePushA(name); }
  ~Range() { nvtxRangePop(); }
#else
  explicit Range(const char* /*name*/) {}
  ~Range() = default;
#endif
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace cuda
}  // namespace proxyv::inline v0
