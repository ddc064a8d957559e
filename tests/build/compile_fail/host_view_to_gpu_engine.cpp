// expect: no match
#include "proxyv/backend/plan.hpp"
#include "proxyv/layers/norm.hpp"

using namespace proxyv;

struct FarSpace {};

/// Stands for an engine with memory of its own: its tensors live in FarSpace.
struct Far {
  using element = float;
  using space = FarSpace;
};

int main() {
  PlanBackend<Far> be;
#ifdef GOOD
  View<const float, FarSpace> x;
#else
  View<const float, HostSpace> x;
#endif
  RmsNorm<Far>()(be, x, View<float, FarSpace>());
}
