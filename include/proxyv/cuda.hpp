// The library with its CUDA engine. Compiles with any C++20 compiler; the program also needs kernels.cu,
// compiled once by nvcc: proxyv_add_kernels(app) in CMake, or by hand.
#pragma once

#include "proxyv/cuda/backend.hpp"
#include "proxyv/proxyv.hpp"
