#include "bench/shared/pairs.hpp"

#include <vector>

#include "bench/shared/models.hpp"
#include "support/catch.hpp"

using namespace bench_shared;

namespace {

/// Rows that query and rows that are keys, counted one by one by the layout's own rule.
double counted(const pv::TokenLayout& layout, index_t first_query, bool vision_sees_vision) {
  double pairs = 0.0;
  for (index_t q = first_query; q < layout.rows(); ++q)
    for (index_t k = 0; k < layout.rows(); ++k)
      pairs += layout.sees(q, k) && (vision_sees_vision || q >= layout.vision() || k >= layout.vision())
                   ? 1.0
                   : 0.0;
  return pairs;
}

}  // namespace

TEST_CASE("visible pairs are those that the layout sees") {
  const pv::TokenLayout layout = layout_for({16, 4});
  CHECK(visible_pairs(layout, Attends::all_rows) == counted(layout, 0, true));
  CHECK(visible_pairs(layout, Attends::rest_only) == counted(layout, layout.vision(), true));
  CHECK(visible_pairs(layout, Attends::masked) == counted(layout, 0, false));
}

TEST_CASE("proxies see proxies, newlines and text; those see vision instead of proxies") {
  const pv::TokenLayout layout = layout_for({16, 4});
  const auto focus = layout.focus_positions();
  double proxies = 0.0;
  for (index_t q = 0; q < layout.proxies(); ++q)
    for (index_t k = 0; k < focus.size(); ++k) proxies += focus[q] >= focus[k] ? 1.0 : 0.0;
  CHECK(proxies > 0.0);
  CHECK(visible_pairs(layout, Attends::with_proxy) == visible_pairs(layout, Attends::rest_only) + proxies);
}

TEST_CASE("the products of Vicuna-7B on the paper's prompt") {
  std::vector<std::string> shapes;
  for (const Product& p : prefill_products(model("vicuna-7b"))) shapes.push_back(p.shape());
  const std::vector<std::string> wanted{"2935x4096x4096", "2935x4096x11008", "2935x11008x4096",
                                        "235x4096x11008", "235x11008x4096",  "2880x4096x1024",
                                        "2880x2048x1024", "2880x1024x4096"};
  CHECK(shapes == wanted);
  CHECK(prefill_products(model("medium"))[0].flops() == 2.0 * 2935 * 1024 * 1024);
  CHECK_THROWS_AS(model("no such model"), pv::ArgumentError);
}
