// expect: GemmOps
// expect: be.product(x, z, y, beta)
#include "proxyv/backend/host_storage.hpp"
#include "proxyv/layers/linear.hpp"

using namespace proxyv;

/// A user's engine that multiplies with weights only.
struct Mine : HostStorage {
  using HostStorage::HostStorage;
  void gemm(View<const float>, Weight<>, View<float>, Epilogue<float, HostSpace>) {}
#ifdef GOOD
  void product(View<const float>, View<const float>, View<float>, float) {}
#endif
};

int main() {
  Mine be{HostOptions{}};
  Linear<Mine>()(be, View<const float>(), View<float>());
}
