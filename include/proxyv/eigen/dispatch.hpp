// Whether this compiler can make kernels for other CPUs than the one a program is compiled for, and how.
//
// x86-64 with GCC or Clang: regions of code with a target of their own. Elsewhere, and with
// PROXYV_NO_CPU_DISPATCH defined, there is the portable level alone.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(EIGEN_DONT_VECTORIZE) && \
    !defined(PROXYV_NO_CPU_DISPATCH)
#define PROXYV_CPU_DISPATCH 1
#include <immintrin.h>
#else
#define PROXYV_CPU_DISPATCH 0
#endif

// Everything defined between BEGIN and END, lambdas and templates included, is compiled for that target.
// Standard headers must be included before.
#if defined(__clang__)
#define PROXYV_TARGET_BEGIN_AVX2 \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma,f16c\"))), apply_to = function)")
// clang-format off
#define PROXYV_TARGET_BEGIN_AVX512 \
  _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c\"))), apply_to = function)")
#define PROXYV_TARGET_BEGIN_AVX512BF16 \
  _Pragma("clang attribute push(__attribute__((target(\"avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c\"))), apply_to = function)")
// clang-format on
#define PROXYV_TARGET_END _Pragma("clang attribute pop")
#else
#define PROXYV_TARGET_BEGIN_AVX2 _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma,f16c\")")
#define PROXYV_TARGET_BEGIN_AVX512 \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c\")")
#define PROXYV_TARGET_BEGIN_AVX512BF16 \
  _Pragma("GCC push_options")          \
      _Pragma("GCC target(\"avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c\")")
#define PROXYV_TARGET_END _Pragma("GCC pop_options")
#endif
