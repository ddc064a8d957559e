// expect: no matching
#if __has_include(<cublasLt.h>)
#include "proxyv/cuda.hpp"

using namespace proxyv;

void move(CudaBackend<bf16>& be, View<const float> host, View<bf16, DeviceSpace> device, View<float> other) {
#ifdef GOOD
  static_cast<void>(other);
  be.upload(host, device);
#else
  static_cast<void>(device);
  be.upload(host, other);  // a transfer ends on the device
#endif
}
#elif !defined(GOOD)
#error "no CUDA toolkit here; with one the compiler finds no matching upload"
#endif
