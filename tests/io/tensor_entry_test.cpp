#include "proxyv/io/tensor_entry.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace io = proxyv::io;
using files::bytes_of;
using files::message;
using io::TensorType;

namespace {

/// A tensor at an odd address, as files may have it.
struct Tensor {
  std::vector<std::uint64_t> shape;
  std::string raw;
  io::TensorEntry entry;

  Tensor(TensorType type, std::vector<std::uint64_t> sizes, const std::string& bytes)
      : shape(std::move(sizes)), raw("x" + bytes) {
    entry = {"m", "a", type, shape, reinterpret_cast<const std::byte*>(raw.data()) + 1, bytes.size()};
  }
  Tensor(const Tensor&) = delete;
};

std::vector<float> floats(const Tensor& tensor, std::size_t n) {
  std::vector<float> out(n, -1.f);
  io::copy_f32(tensor.entry, proxyv::Span<float>(out.data(), static_cast<proxyv::index_t>(n)));
  return out;
}

std::string weight_refusal(const Tensor& tensor, proxyv::index_t rows, proxyv::index_t cols) {
  return message([&] { io::as_weight(tensor.entry, rows, cols); });
}

}  // namespace

TEST_CASE("weights are used where they lie") {
  const Tensor matrix(TensorType::bf16, {2, 3}, std::string(12, '\0'));
  const auto weight = io::as_weight(matrix.entry, 2, 3);
  CHECK(weight.data() == matrix.entry.data);
  CHECK(weight.type() == proxyv::DType::bf16);
  CHECK(weight.rows() == 2);
  CHECK(weight.cols() == 3);
  const Tensor vector(TensorType::f32, {3}, std::string(12, '\0'));
  CHECK(io::as_weight(vector.entry, 1, 3).type() == proxyv::DType::f32);
  const Tensor kernel(TensorType::f16, {2, 3, 2, 2}, std::string(48, '\0'));
  CHECK(io::as_weight(kernel.entry, 2, 12).cols() == 12);
  const Tensor empty(TensorType::f32, {0, 3}, "");
  CHECK(io::as_weight(empty.entry, 0, 3).rows() == 0);
}

TEST_CASE("weights of another shape or type are refused") {
  const std::string start = "m: tensor \"a\": wanted F32, F16 or BF16 ";
  const Tensor matrix(TensorType::f32, {2, 3}, std::string(24, '\0'));
  CHECK(weight_refusal(matrix, 3, 2) == start + "[3, 2], found F32 [2, 3]");
  CHECK(weight_refusal(matrix, 1, 6) == start + "[1, 6], found F32 [2, 3]");
  CHECK(weight_refusal(matrix, 2, 4) == start + "[2, 4], found F32 [2, 3]");
  const Tensor vector(TensorType::f32, {6}, std::string(24, '\0'));
  CHECK(weight_refusal(vector, 6, 1) == start + "[6, 1], found F32 [6]");
  CHECK(weight_refusal(vector, 1, 5) == start + "[1, 5], found F32 [6]");
  const Tensor scalar(TensorType::f32, {}, std::string(4, '\0'));
  CHECK(weight_refusal(scalar, 1, 1) == start + "[1, 1], found F32 []");
  const Tensor wide(TensorType::f64, {2, 3}, std::string(48, '\0'));
  CHECK(weight_refusal(wide, 2, 3) == start + "[2, 3], found F64 [2, 3]");
  const Tensor kernel(TensorType::f32, {2, 3, 2}, std::string(48, '\0'));
  CHECK(weight_refusal(kernel, 2, 3) == start + "[2, 3], found F32 [2, 3, 2]");
  const Tensor empty(TensorType::f32, {0, 3}, "");
  CHECK(weight_refusal(empty, 0, 4) == start + "[0, 4], found F32 [0, 3]");
}

TEST_CASE("a shape can be asked for alone") {
  const Tensor tensor(TensorType::i64, {2, 3}, std::string(48, '\0'));
  const std::vector<std::uint64_t> good{2, 3}, bad{6};
  CHECK(message([&] { io::check_shape(tensor.entry, good); }).empty());
  CHECK(message([&] { io::check_shape(tensor.entry, bad); }) ==
        "m: tensor \"a\": wanted shape [6], found I64 [2, 3]");
}

TEST_CASE("floats of four types become f32, unaligned") {
  CHECK(floats(Tensor(TensorType::f32, {2}, bytes_of<float>({1.5f, -2.f})), 2) ==
        std::vector<float>{1.5f, -2.f});
  CHECK(floats(Tensor(TensorType::f64, {2}, bytes_of<double>({0.1, 1e300})), 2) ==
        std::vector<float>{0.1f, std::numeric_limits<float>::infinity()});
  CHECK(floats(Tensor(TensorType::f16, {2}, bytes_of<std::uint16_t>({0x3c00, 0xc000})), 2) ==
        std::vector<float>{1.f, -2.f});
  CHECK(floats(Tensor(TensorType::bf16, {2, 1}, bytes_of<std::uint16_t>({0x3f80, 0xc000})), 2) ==
        std::vector<float>{1.f, -2.f});
  CHECK(std::isnan(floats(Tensor(TensorType::f32, {}, bytes_of<float>({NAN})), 1)[0]));
  CHECK(floats(Tensor(TensorType::f32, {0}, ""), 0).empty());
}

TEST_CASE("doubles stay exact") {
  const Tensor tensor(TensorType::f64, {1}, bytes_of<double>({0.1}));
  double out = 0;
  io::copy_f64(tensor.entry, proxyv::Span<double>(&out, 1));
  CHECK(out == 0.1);
}

TEST_CASE("wrong sizes and types of copies are refused") {
  const Tensor tensor(TensorType::f32, {2, 1}, bytes_of<float>({1.f, 2.f}));
  CHECK(message([&] { floats(tensor, 3); }) == "m: tensor \"a\": wanted 3 elements, found F32 [2, 1]");
  const Tensor integers(TensorType::i64, {1}, bytes_of<std::int64_t>({-200}));
  CHECK(message([&] { floats(integers, 1); }) ==
        "m: tensor \"a\": wanted F64, F32, F16 or BF16, found I64 [1]");
}

TEST_CASE("integers are read as they are") {
  const Tensor ids(TensorType::i64, {3}, bytes_of<std::int64_t>({1, -200, 31999}));
  CHECK(io::read_i64(ids.entry) == std::vector<std::int64_t>{1, -200, 31999});
  const Tensor flags(TensorType::u8, {2}, bytes_of<std::uint8_t>({0, 1}));
  CHECK(io::read_u8(flags.entry) == std::vector<std::uint8_t>{0, 1});
  CHECK(io::read_u8(Tensor(TensorType::u8, {0}, "").entry).empty());
  CHECK(message([&] { io::read_i64(flags.entry); }) == "m: tensor \"a\": wanted I64, found U8 [2]");
  CHECK(message([&] { io::read_u8(ids.entry); }) == "m: tensor \"a\": wanted U8, found I64 [3]");
}

TEST_CASE("sizes count elements, also of types below a byte") {
  CHECK(Tensor(TensorType::f4, {6}, "abc").entry.size() == 6);
  CHECK(Tensor(TensorType::f6_e2m3, {4}, "abc").entry.size() == 4);
  CHECK(Tensor(TensorType::f32, {}, "abcd").entry.size() == 1);
}
