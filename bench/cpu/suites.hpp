// The parts of cpu_bench, one source file each: they take long to compile.
#pragma once

#include "bench/cpu/measure.hpp"

namespace cpu_bench {

void add_ops(const Settings& settings);     // gemm, gemv, swiglu, attention, op, update
void add_models(const Settings& settings);  // layer, prefill, decode, encoder, pipeline, receipts

}  // namespace cpu_bench
