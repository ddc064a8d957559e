// expect: no matching function for call to
// expect: OtherSpace
// expect: HostSpace
// A view of host memory does not reach an engine that works elsewhere.
#include "proxyv/core/view.hpp"

struct OtherSpace {};

template <class T>
void download(proxyv::View<T, OtherSpace>) {}

void use(float* data) {
#ifdef GOOD
  const proxyv::View<float, OtherSpace> view(data, 2, 3);
#else
  const proxyv::View<float> view(data, 2, 3);
#endif
  download(view);
}
