#include "proxyv/backend/host_storage.hpp"

#include "backend/small.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;
using small::Matrix;

TEST_CASE("host storage: options out of range are refused") {
  CHECK(error_of<ArgumentError>([] { HostStorage({.threads = 0}); }) == "engine: threads 0, wanted 1..1024");
  CHECK(error_of<ArgumentError>([] { HostStorage({.threads = -3}); }) == "engine: threads -3, wanted 1..1024");
  CHECK(error_of<ArgumentError>([] { HostStorage({.threads = 1025}); }) == "engine: threads 1025, wanted 1..1024");
  CHECK(error_of<ArgumentError>([] { HostStorage({.workspace_bytes = ~std::size_t{0}}); }) ==
        "engine: workspace_bytes 18446744073709551615, wanted 0..4611686018427387904");
  CHECK(error_of<ArgumentError>([] { HostStorage({.memory = {nullptr, 100}}); }) == "engine: null memory of 100 bytes");
}

TEST_CASE("host storage: its own workspace holds what was asked for") {
  HostStorage be({.workspace_bytes = 512});
  CHECK(be.workspace_available() >= 512);
  CHECK(be.workspace_available() < 1024);
  auto frame = be.frame();
  CHECK_NOTHROW(frame.matrix(2, 64));
  CHECK(be.workspace_peak() == 512);
  HostStorage none{HostOptions{}};
  CHECK(none.workspace_available() == 0);
  CHECK(none.threads() == 1);
  auto empty = none.frame();
  CHECK_THROWS_AS(empty.matrix(1, 1), WorkspaceError);
}

TEST_CASE("host storage: the caller's memory, however it is aligned") {
  alignas(256) std::byte bytes[1024];
  HostStorage be({.memory = {bytes + 5, 1000}});
  auto frame = be.frame();
  auto x = frame.matrix(1, 4);
  CHECK(reinterpret_cast<std::byte*>(x.data()) == bytes + 256);
  CHECK(be.workspace_available() == 1000 - 251 - 256);
}

TEST_CASE("host storage: copies between strided windows") {
  HostStorage be{HostOptions{}};
  const Matrix from(2, 3, {1, 2, 3, 4, 5, 6});
  Matrix to(3, 4, -1.f);
  be.copy(from.view().col_range(1, 2), to.view().row_range(1, 2).col_range(2, 2));
  CHECK(to.values == std::vector<float>{-1, -1, -1, -1, -1, -1, 2, 3, -1, -1, 5, 6});
  be.upload(View<const float>(from.view()), to.view().row_range(0, 2).col_range(0, 3));
  CHECK(to.view()(0, 2) == 3.f);
  Matrix back(2, 3);
  be.download(View<const float>(to.view().row_range(0, 2).col_range(0, 3)), back.view());
  CHECK(back.values == from.values);
  CHECK(error_of<ShapeError>([&] { be.copy(from, to); }) == "copy: x [2, 3], y [3, 4], wanted equal shapes");
}

TEST_CASE("host storage: ids and masks") {
  HostStorage be{HostOptions{}};
  const std::vector<std::int32_t> ids{7, -200, 9};
  std::vector<std::int32_t> to(3), back(3);
  be.upload(small::span_of(ids), Span<std::int32_t>(to.data(), 3));
  be.download(small::span_of(to), Span<std::int32_t>(back.data(), 3));
  CHECK(back == ids);
  CHECK(error_of<ShapeError>([&] { be.upload(small::span_of(ids), Span<std::int32_t>(to.data(), 2)); }) == "upload: 3 ids into 2");
  CHECK(error_of<ShapeError>([&] { be.download(small::span_of(ids), Span<std::int32_t>(to.data(), 2)); }) == "download: 3 ids into 2");
  const std::vector<std::uint8_t> mask{1, 0, 1, 1};
  std::vector<std::uint8_t> there(4);
  be.upload(View<const std::uint8_t>(mask.data(), 2, 2), View<std::uint8_t>(there.data(), 2, 2));
  CHECK(there == mask);
}
