#include "proxyv/io/tensor_type.hpp"

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace io = proxyv::io;
using io::TensorType;

TEST_CASE("the 22 types of the format and their bits") {
  const std::vector<std::pair<std::string, std::uint64_t>> types{
      {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
      {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
      {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
      {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};
  REQUIRE(types.size() == 22);
  for (const auto& [name, bits] : types) {
    const auto type = io::tensor_type_from(name);
    REQUIRE(type.has_value());
    CHECK(io::tensor_type_name(*type) == name);
    CHECK(io::tensor_type_bits(*type) == bits);
  }
}

TEST_CASE("enumerators stand for their names") {
  CHECK(io::tensor_type_name(TensorType::boolean) == "BOOL");
  CHECK(io::tensor_type_name(TensorType::u8) == "U8");
  CHECK(io::tensor_type_name(TensorType::f8_e5m2fnuz) == "F8_E5M2FNUZ");
  CHECK(io::tensor_type_name(TensorType::f16) == "F16");
  CHECK(io::tensor_type_name(TensorType::bf16) == "BF16");
  CHECK(io::tensor_type_name(TensorType::f32) == "F32");
  CHECK(io::tensor_type_name(TensorType::f64) == "F64");
  CHECK(io::tensor_type_name(TensorType::u64) == "U64");
}

TEST_CASE("other names are no types") {
  for (const char* name : {"", "f32", "F32 ", "FP32", "F3", "I4", "C128"})
    CHECK_FALSE(io::tensor_type_from(name));
}

TEST_CASE("engines take three of them") {
  CHECK(io::weight_type(TensorType::f32) == proxyv::DType::f32);
  CHECK(io::weight_type(TensorType::f16) == proxyv::DType::f16);
  CHECK(io::weight_type(TensorType::bf16) == proxyv::DType::bf16);
  CHECK_FALSE(io::weight_type(TensorType::f64).has_value());
  CHECK_FALSE(io::weight_type(TensorType::u16).has_value());
}
