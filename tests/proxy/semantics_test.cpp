#include "proxyv/proxy/semantics.hpp"

#include "support/catch.hpp"

using namespace proxyv;

TEST_CASE("semantics: token positions as the reference, single rows in reading order") {
  constexpr Semantics s;
  CHECK(s.subcrop_newline_without_base_offset);
  CHECK(s.next_token == NextToken::row_last);
  CHECK(s.decode_position == DecodePosition::row);
}
