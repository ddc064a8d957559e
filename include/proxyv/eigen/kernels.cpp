// The bodies of the CPU engine's ops and kernels, for programs that compile them once: the rest of the
// program has PROXYV_CPU_KERNELS_APART defined (ops.hpp). With CMake the target proxyv::eigen_kernels does
// both.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
// GCC 12 takes the undefined vectors of its AVX-512 intrinsics for a mistake (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "proxyv/eigen/bodies.hpp"

template struct proxyv::detail::CpuOps<proxyv::detail::eigen_kernels_cpp>;
