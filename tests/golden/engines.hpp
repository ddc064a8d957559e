// The engines a file can be run on: one translation unit each, for they take the longest to compile.
#pragma once

#include "golden/golden_file.hpp"
#include "golden/settings.hpp"

namespace golden {

void check_on_eigen(const GoldenFile& file, const Settings& settings, Report& report);
void check_on_reference(const GoldenFile& file, const Settings& settings, Report& report);

// Only in builds with the oneDNN engine (PROXYV_GOLDEN_ONEDNN).
void check_on_onednn(const GoldenFile& file, const Settings& settings, Report& report);

// Only in builds with kernels (PROXYV_GOLDEN_CUDA).
bool have_cuda_device();
void check_on_cuda_f32(const GoldenFile& file, const Settings& settings, Report& report);
void check_on_cuda_f16(const GoldenFile& file, const Settings& settings, Report& report);
void check_on_cuda_bf16(const GoldenFile& file, const Settings& settings, Report& report);

}  // namespace golden
