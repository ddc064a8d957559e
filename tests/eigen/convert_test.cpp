#include "proxyv/eigen/convert.hpp"

#include "eigen/eigen_support.hpp"
#include "support/catch.hpp"

using namespace eigen_test;

namespace {

/// All 65536 patterns, read at an odd address, beside core's conversion.
template <class T>
int wrong_patterns() {
  std::vector<std::byte> memory(65536 * 2 + 1);
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const T value{static_cast<std::uint16_t>(i)};
    std::memcpy(memory.data() + 1 + 2 * i, &value, 2);
  }
  int wrong = 0;
  for (std::uint32_t i = 0; i < 65536; i += detail::lanes) {
    const auto lanes = lanes_of(detail::load_as_float<T>(memory.data() + 1 + 2 * i));
    for (std::uint32_t j = 0; j < detail::lanes; ++j) {
      const float wanted = to_float(T{static_cast<std::uint16_t>(i + j)}), found = lanes[j];
      const bool same = wanted != wanted ? found != found : std::memcmp(&wanted, &found, 4) == 0;
      if (!same) ++wrong;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("convert: every 16-bit pattern becomes its float") {
  CHECK(wrong_patterns<bf16>() == 0);
  CHECK(wrong_patterns<f16>() == 0);
}

TEST_CASE("convert: floats at odd addresses") {
  std::vector<std::byte> memory(1 + sizeof(float) * detail::lanes);
  const float value = 1.5f;
  for (int i = 0; i < detail::lanes; ++i) std::memcpy(memory.data() + 1 + 4 * i, &value, 4);
  for (float v : lanes_of(detail::load_as_float<float>(memory.data() + 1))) CHECK(v == 1.5f);
  CHECK(detail::element_at<float>(memory.data() + 1) == 1.5f);
}
