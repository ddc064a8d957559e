#include "proxyv/cuda/storage.hpp"

#include "cuda/calls.hpp"
#include "cuda/gpu.hpp"
#include "cuda/tensors.hpp"
#include "support/catch.hpp"

using namespace gpu;
using small::error_of;
using small::same_bits;

namespace {

template <class T>
cuda::CudaStorage<T> storage() {
  return cuda::CudaStorage<T>(CudaOptions{.workspace_bytes = 4096});
}

/// There and back through a window of a larger matrix; the rest stays.
template <class T>
void round_trip(index_t rows, index_t cols, index_t gap, index_t skip) {
  using S = cuda::CudaStorage<T>;
  S be = storage<T>();
  const index_t stride = cols + gap, all = skip + rows * stride + 1;
  const Matrix<S> memory(be, 1, all, 9.f);
  const Out<S> window(memory.memory.data() + skip, rows, cols, stride);
  const small::Matrix host = small::noise(rows, stride + 3, 5);
  const View<const float> from(host.values.data(), rows, cols, stride + 3);
  be.upload(from, window);
  std::vector<float> wanted = rounded<T>(small::values(from));
  CHECK(values(be, In<S>(window)) == wanted);

  std::vector<float> back(static_cast<std::size_t>(rows * (cols + 2)), -1.f);
  be.download(In<S>(window), View<float>(back.data(), rows, cols, cols + 2));
  std::vector<float> expected(back.size(), -1.f), around(static_cast<std::size_t>(all), 9.f);
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < cols; ++j) {
      const float v = wanted[static_cast<std::size_t>(i * cols + j)];
      expected[static_cast<std::size_t>(i * (cols + 2) + j)] = v;
      around[static_cast<std::size_t>(skip + i * stride + j)] = v;
    }
  CHECK(back == expected);
  CHECK(values(be, memory) == around);
}

}  // namespace

TEMPLATE_TEST_CASE("cuda storage: numbers go there and back, whatever the shape", "[small][memory]", float, f16, bf16) {
  NEEDS_GPU();
  round_trip<TestType>(0, 5, 0, 0);
  round_trip<TestType>(5, 0, 2, 1);
  round_trip<TestType>(1, 1, 0, 0);
  round_trip<TestType>(7, 13, 3, 1);
  round_trip<TestType>(64, 64, 8, 3);
}

TEMPLATE_TEST_CASE("cuda storage: more than a chunk at once", "", float, f16, bf16) {
  NEEDS_GPU();
  round_trip<TestType>(1, (index_t{1} << 20) + 5, 0, 1);  // parts of a row
  round_trip<TestType>(3, (index_t{1} << 21) + 1, 7, 0);
  round_trip<TestType>(1500, 1031, 1, 0);                  // some rows at a time
  round_trip<TestType>(1 << 20, 2, 0, 0);
}

TEST_CASE("cuda storage: ids and bytes", "[small][memory]") {
  NEEDS_GPU();
  using S = cuda::CudaStorage<bf16>;
  S be = storage<bf16>();
  for (const index_t n : {index_t{0}, index_t{1}, index_t{1000}, (index_t{1} << 20) + 3}) {
    std::vector<std::int32_t> host(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < host.size(); ++i) host[i] = static_cast<std::int32_t>(i * 2654435761u);
    const auto there = be.alloc<std::int32_t>(n);
    be.upload(small::span_of(host), there.span());
    CHECK(ids(be, there.data(), n) == host);
  }
  std::vector<std::uint8_t> bytes(32 * 40);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const auto there = be.alloc<std::int32_t>(8 * 40);
  const std::vector<std::int32_t> zeros(8 * 40);
  be.upload(small::span_of(zeros), there.span());
  be.upload(View<const std::uint8_t>(bytes.data(), 32, 3, 40), View<std::uint8_t, DeviceSpace>(reinterpret_cast<std::uint8_t*>(there.data()) + 5, 32, 3, 40));
  const auto found = ids(be, there.data(), 8 * 40);
  std::vector<std::uint8_t> wanted(bytes.size()), got(bytes.size());
  for (std::size_t i = 0; i < 32; ++i)
    for (std::size_t j = 0; j < 3; ++j) wanted[5 + i * 40 + j] = bytes[i * 40 + j];
  std::memcpy(got.data(), found.data(), got.size());
  CHECK(got == wanted);
}

TEMPLATE_TEST_CASE("cuda storage: weights of any type, from any address", "[small][memory]", float, f16, bf16) {
  NEEDS_GPU();
  using S = cuda::CudaStorage<TestType>;
  S be = storage<TestType>();
  const index_t n = (index_t{1} << 21) + 17;
  const small::Matrix numbers = small::noise(1, n, 8);
  for (const DType type : {DType::f32, DType::f16, DType::bf16})
    with_dtype(type, [&]<class U>(U) {
      std::vector<std::byte> host(static_cast<std::size_t>(n) * sizeof(U) + 1);
      std::vector<float> wanted;
      for (index_t i = 0; i < n; ++i) {
        const U value = from_float<U>(numbers.values[static_cast<std::size_t>(i)]);
        std::memcpy(host.data() + 1 + static_cast<std::size_t>(i) * sizeof(U), &value, sizeof(U));
        wanted.push_back(to_float(from_float<TestType>(to_float(value))));
      }
      const Matrix<S> there(be, 1, n);
      be.upload_weight(host.data() + 1, type, n, there.memory.data());
      CHECK(same_bits(values(be, there), wanted));
    });
}

TEST_CASE("cuda storage: what does not fit is refused") {
  NEEDS_GPU();
  using S = cuda::CudaStorage<float>;
  S be = storage<float>();
  const Matrix<S> x(be, 3, 4);
  small::Matrix host(4, 3);
  CHECK(error_of<ShapeError>([&] { be.upload(std::as_const(host).view(), x.view()); }) != "nothing was thrown");
  CHECK(error_of<ShapeError>([&] { be.download(In<S>(x.view()), host.view()); }) != "nothing was thrown");
  std::int32_t id = 0;
  CHECK(error_of<ShapeError>([&] { be.upload(Span<const std::int32_t>(&id, 1), Span<std::int32_t, DeviceSpace>()); }) == "upload: 1 ids into 0");
  CHECK(error_of<ShapeError>([&] { be.download(Span<const std::int32_t, DeviceSpace>(), Span<std::int32_t>(&id, 1)); }) == "download: 0 ids into 1");
}

TEST_CASE("cuda storage: PROXYV_CUDA_SYNC waits after every launch", "[small][memory]") {
  NEEDS_GPU();
  using S = cuda::CudaStorage<float>;
  const auto waits = [](const char* value) {
    ::setenv("PROXYV_CUDA_SYNC", value, 1);
    S be = storage<float>();
    ::unsetenv("PROXYV_CUDA_SYNC");
    const Matrix<S> x(be, 8, 8, 3.f), y(be, 8, 8);
    const auto made = calls::made_by(calls::Call::blocked, [&] { be.copy(x, y); });
    const cuda::Graph graph = be.record([&] { be.copy(x, y); });
    be.replay(graph);
    CHECK(values(be, y) == std::vector<float>(64, 3.f));
    return made;
  };
  CHECK(waits("1") == 1);
  CHECK(waits("0") == 0);
  CHECK(waits("") == 0);
}
