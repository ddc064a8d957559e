// expect: SameTensorsAs
#include "proxyv/backend/plan.hpp"
#include "proxyv/backend/reference.hpp"
#include "proxyv/layers/linear.hpp"

using namespace proxyv;

/// Stands for an engine whose activations are bf16.
struct Half {
  using element = bf16;
  using space = HostSpace;
};

#ifdef GOOD
using Engine = PlanBackend<ReferenceBackend>;
#else
using Engine = PlanBackend<Half>;
#endif

int main() {
  Engine be;
  Linear<ReferenceBackend>()(be, View<const float>(), View<float>());
}
