#include "bench/cpu/attention_ops.hpp"
#include "bench/cpu/product_ops.hpp"
#include "bench/cpu/small_ops.hpp"
#include "bench/cpu/suites.hpp"

void cpu_bench::add_ops(const Settings& settings) {
  add_products(settings);
  add_attention(settings);
  add_small_ops(settings);
}
