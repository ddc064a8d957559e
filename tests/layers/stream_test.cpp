#include "proxyv/layers/stream.hpp"

#include "backend/small.hpp"
#include "proxyv/backend/reference.hpp"
#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("stream: vision rows lead, the rest are newlines and text") {
  small::Matrix x(10, 4);
  Stream<ReferenceBackend> s;
  s.x = x;
  s.vision = 6;
  CHECK(s.rows() == 10);
  CHECK(s.all().begin == 0);
  CHECK(s.all().count == 10);
  CHECK(s.rest().begin == 6);
  CHECK(s.rest().count == 4);
  CHECK(Stream<ReferenceBackend>{}.rows() == 0);
}
