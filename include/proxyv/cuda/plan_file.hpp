// Product plans in a file, so that measuring is done once per card: one line a shape, plain text.
#pragma once

#include <cublasLt.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "proxyv/cuda/products.hpp"

namespace proxyv::inline v0 {
namespace cuda {
namespace detail {

static_assert(sizeof(cublasLtMatmulAlgo_t) == 8 * sizeof(std::uint64_t));

inline std::string plan_file_head(const std::string& device) {
  return "proxyv product plans 1, cuBLASLt " + std::to_string(cublasLtGetVersion()) + ", " + device;
}

inline void write_plan(std::ostream& out, const ProductShape& s, const ProductPlan& plan) {
  out << s.m << ' ' << s.n << ' ' << s.k << ' ' << s.x_stride << ' ' << s.w_stride << ' ' << s.y_stride << ' ' << static_cast<int>(s.type) << ' '
      << s.plain << ' ' << s.beta << ' ' << s.bias << ' ' << static_cast<int>(s.alignment) << ' ' << static_cast<int>(plan.path);
  for (const std::uint64_t word : plan.algorithm.data) out << ' ' << word;
  out << '\n';
}

/// False when the line is not a plan.
inline bool read_plan(const std::string& line, ProductShape& s, ProductPlan& plan) {
  std::istringstream in(line);
  int type = 0, alignment = 0, path = 0;
  in >> s.m >> s.n >> s.k >> s.x_stride >> s.w_stride >> s.y_stride >> type >> s.plain >> s.beta >> s.bias >> alignment >> path;
  for (std::uint64_t& word : plan.algorithm.data) in >> word;
  std::string rest;
  if (!in || in >> rest) return false;
  if (type < 0 || type > 2 || path < 0 || path > 2 || alignment < 1 || alignment > 16 || s.m < 0 || s.n < 0 || s.k < 0) return false;
  s.type = static_cast<DType>(type);
  s.alignment = static_cast<std::uint8_t>(alignment);
  plan.path = static_cast<ProductPlan::Path>(path);
  plan.measured = true;
  return true;
}

}  // namespace detail

/// Writes the measured plans. Throws LoadError when the file cannot be written.
inline void save_plans(const std::string& path, const Products::Plans& plans, const std::string& device) {
  std::ofstream out(path, std::ios::trunc);
  out << detail::plan_file_head(device) << '\n';
  for (const auto& [shape, plan] : plans)
    if (plan.measured) detail::write_plan(out, shape, plan);
  out.close();
  PROXYV_CHECK(out.good(), LoadError, path, ": cannot write product plans");
}

/// Adds the file's plans to `plans`. A plan is only a wish: cuBLASLt checks it again when it is used.
/// Throws LoadError for a file that cannot be read, another card's or another cuBLASLt's, and a line that is
/// not a plan; `plans` is then as before.
inline void load_plans(const std::string& path, Products::Plans& plans, const std::string& device) {
  std::ifstream in(path);
  PROXYV_CHECK(in.is_open(), LoadError, path, ": cannot read product plans");
  std::string line;
  std::getline(in, line);
  PROXYV_CHECK(line == detail::plan_file_head(device), LoadError, path, ": line 1: wanted \"", detail::plan_file_head(device), "\", found another head");
  Products::Plans read;
  for (int number = 2; std::getline(in, line); ++number) {
    ProductShape shape;
    ProductPlan plan;
    PROXYV_CHECK(detail::read_plan(line, shape, plan), LoadError, path, ": line ", number, ": not a product plan");
    read[shape] = plan;
  }
  for (const auto& [shape, plan] : read) plans[shape] = plan;
}

}  // namespace cuda
}  // namespace proxyv::inline v0
