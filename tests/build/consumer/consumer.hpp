// What the consumer's sources share.
#pragma once

#include <proxyv/proxyv.hpp>

float second(proxyv::View<const float> x);       // second.cpp, the same program
float library_one(proxyv::View<const float> x);  // library_one.cpp, a shared library
float library_two(proxyv::View<const float> x);  // library_two.cpp, another one

/// Row 0 of x times itself, on the library's engine.
template <class Engine>
float squared(Engine& engine, proxyv::View<const float> x) {
  const auto row = x.row_range(0, 1);
  const auto out = proxyv::host_buffer<float>(1);
  engine.gemm(row, proxyv::Weight<>(row), out.matrix(1, 1), {});
  return out.data()[0];
}
