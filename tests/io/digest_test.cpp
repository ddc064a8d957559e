#include "proxyv/io/digest.hpp"

#include <cstdint>
#include <set>
#include <string>

#include "support/catch.hpp"

namespace io = proxyv::io;

TEST_CASE("the digest is what its definition says") {
  // Computed apart, from the definition at the top of the header, with Python integers.
  CHECK(io::Digest().value() == 0xe9e0033e3badaf36u);
  CHECK(io::digest_of("") == 0xbf8fec90feaa8750u);
  CHECK(io::digest_of("proxyv") == 0x8d0e42554b9033a4u);
  CHECK(io::digest_of("model.layers.0.self_attn.q_proj.weight") == 0x5b100ddacba8bdd9u);
}

TEST_CASE("every byte, its place and the length count") {
  std::string text(40, '\0');
  std::set<std::uint64_t> seen{io::digest_of(text)};
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = text;
      other[i] = static_cast<char>(1 << bit);
      seen.insert(io::digest_of(other));
    }
  }
  CHECK(seen.size() == 1 + 40 * 8);
  for (std::size_t n = 0; n < 40; ++n) seen.insert(io::digest_of(text.substr(0, n)));
  CHECK(seen.size() == 1 + 40 * 8 + 40);
}
