#include "proxyv/cuda/plan_file.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"

using namespace proxyv;
using cuda::ProductPlan;
using cuda::Products;
using cuda::ProductShape;

namespace {

/// A file that is gone afterwards.
struct File {
  std::string path = (std::filesystem::temp_directory_path() / ("proxyv_plans_" + std::to_string(::getpid()))).string();
  ~File() { std::filesystem::remove(path); }
  std::string text() const {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& s) const { std::ofstream(path) << s; }
};

Products::Plans some() {
  Products::Plans plans;
  ProductPlan plan{ProductPlan::Path::blaslt, true, {}};
  for (std::uint64_t i = 0; i < 8; ++i) plan.algorithm.data[i] = i * 0x1234567812345678u;
  plans[{.m = 3, .n = 4, .k = 5, .x_stride = 5, .w_stride = 5, .y_stride = 8, .type = DType::bf16, .beta = true}] = plan;
  plan.path = ProductPlan::Path::own;
  plans[{.m = 300, .n = 4, .k = 5, .bias = true, .alignment = 4}] = plan;
  plans[{.m = 1}] = {ProductPlan::Path::blaslt, false, {}};  // suggested, not measured: not written
  return plans;
}

std::string error_of(const File& file) {
  Products::Plans plans;
  try {
    cuda::load_plans(file.path, plans, "card");
  } catch (const LoadError& e) {
    CHECK(plans.empty());
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("plan file: what was measured comes back") {
  const File file;
  cuda::save_plans(file.path, some(), "card");
  Products::Plans back;
  cuda::load_plans(file.path, back, "card");
  CHECK(back.size() == 2);
  for (const auto& [shape, plan] : some()) {
    if (!plan.measured) continue;
    REQUIRE(back.count(shape) == 1);
    CHECK(back[shape].path == plan.path);
    CHECK(back[shape].measured);
    CHECK(std::memcmp(&back[shape].algorithm, &plan.algorithm, sizeof plan.algorithm) == 0);
  }
}

TEST_CASE("plan file: another card's, and files that are none, are refused by name and line") {
  const File file;
  cuda::save_plans(file.path, some(), "other card");
  CHECK_THAT(error_of(file), ContainsSubstring(file.path + ": line 1: wanted \"proxyv product plans 1, cuBLASLt ") && ContainsSubstring(", card\""));
  cuda::save_plans(file.path, some(), "card");
  const std::string good = file.text();
  for (const char* bad : {"1 2 3\n", "a b c\n", "\n"}) {
    file.write(good + bad);
    CHECK_THAT(error_of(file), ContainsSubstring("line 4: not a product plan"));
  }
  std::string type = good;
  type.insert(type.find('\n') + 1, "3 4 5 5 5 8 9 0 0 0 16 1 0 0 0 0 0 0 0 0\n");
  file.write(type);
  CHECK_THAT(error_of(file), ContainsSubstring("line 2: not a product plan"));
  CHECK_THROWS_WITH(cuda::save_plans("/nonexistent/folder/plans", some(), "card"), ContainsSubstring("cannot write product plans"));
  Products::Plans plans;
  CHECK_THROWS_WITH(cuda::load_plans("/nonexistent/folder/plans", plans, "card"), ContainsSubstring("cannot read product plans"));
}
