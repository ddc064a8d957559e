#include "proxyv/proxy/proxy_stream.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("proxy stream: proxies lead, newlines and text follow") {
  small::Matrix focus(5, 2, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  ProxyStream<ReferenceBackend> p;
  p.focus = focus;
  p.proxies = 2;
  CHECK(small::values(p.proxy_rows()) == std::vector<float>{0, 1, 2, 3});
  CHECK(small::values(p.rest_rows()) == std::vector<float>{4, 5, 6, 7, 8, 9});
  CHECK(p.savings.folded_update);
}
