#include "proxyv/cuda/space.hpp"

#include <type_traits>

#include "proxyv/cuda/backend.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("space: host and device windows do not turn into each other") {
  static_assert(!std::is_convertible_v<View<float>, View<float, DeviceSpace>>);
  static_assert(!std::is_convertible_v<View<float, DeviceSpace>, View<float>>);
  static_assert(!std::is_constructible_v<View<const float, DeviceSpace>, View<float>>);
  static_assert(!std::is_constructible_v<Span<const float, DeviceSpace>, std::vector<float>&>);
  static_assert(std::is_same_v<SpaceOf<CudaBackend<bf16>>, DeviceSpace> && std::is_same_v<Elem<CudaBackend<bf16>>, bf16>);
  CHECK(std::string(DeviceSpace::name) == "device");
}
