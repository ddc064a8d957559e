// The engine that multiplies pairs of bf16, where this CPU has them.
#pragma once

#include "eigen/eigen_support.hpp"
#include "proxyv/eigen/avx512bf16.hpp"
#include "support/catch.hpp"

namespace eigen_test {

inline bool missing() {
  if (cpu_has(CpuLevel::avx512bf16)) return false;
  WARN("this CPU or this build lacks avx512bf16: its products were not tried");
  return true;
}

/// An engine whose products and prompts' attention round to bf16.
inline EigenBackend rounding(int threads) {
  HostOptions options;
  options.threads = threads;
  options.workspace_bytes = 1 << 20;
  return EigenBackend(options, CpuLevel::avx512bf16, Precision::bf16_products);
}

/// x rounded to bf16, as the products have it.
inline Block rounded(const Block& x) {
  Block out = x;
  for (float& v : out.memory) v = to_float(from_float<bf16>(v));
  return out;
}

}  // namespace eigen_test
