#include "proxyv/model/config.hpp"

#include "backend/small.hpp"
#include "proxyv/model/presets.hpp"
#include "support/catch.hpp"

using namespace proxyv;
using small::error_of;

namespace {

constexpr RuntimeConfig good{.hidden = 16, .layers = 4, .heads = 4, .kv_heads = 2, .head_dim = 4, .ffn = 24, .vocab = 32,
                             .proxy_start = 2, .proxy_factor = 2, .crop_side = 4, .update_inner = 8};

template <class Member, class Value>
std::string refused(Member member, Value value) {
  RuntimeConfig c = good;
  c.*member = value;
  return error_of<ArgumentError>([&] { check_config(c); });
}

}  // namespace

TEST_CASE("config: a possible one passes, static ones too") {
  CHECK_NOTHROW(check_config(good));
  CHECK_NOTHROW(check_config(presets::Vicuna7B{}));
  CHECK_NOTHROW(check_config(presets::Tiny{}));
  STATIC_REQUIRE(DecoderConfig<RuntimeConfig>);
  STATIC_REQUIRE(detail::StaticConfig<presets::Tiny>);
  STATIC_REQUIRE_FALSE(detail::StaticConfig<RuntimeConfig>);
}

TEST_CASE("config: sizes have names and limits") {
  using C = RuntimeConfig;
  CHECK(refused(&C::hidden, 0) == "config: hidden is 0, wanted 1..16777216");
  CHECK(refused(&C::layers, -1) == "config: layers is -1, wanted 1..16777216");
  CHECK(refused(&C::heads, 0) == "config: heads is 0, wanted 1..16777216");
  CHECK(refused(&C::kv_heads, 0) == "config: kv_heads is 0, wanted 1..16777216");
  CHECK(refused(&C::head_dim, 16777217) == "config: head_dim is 16777217, wanted 1..16777216");
  CHECK(refused(&C::ffn, std::numeric_limits<index_t>::max()) == "config: ffn is 9223372036854775807, wanted 1..16777216");
  CHECK(refused(&C::vocab, 0) == "config: vocab is 0, wanted 1..16777216");
  CHECK(refused(&C::crop_side, 0) == "config: crop_side is 0, wanted 1..16777216");
  CHECK(refused(&C::proxy_factor, 0) == "config: proxy_factor is 0, wanted 1..16777216");
  CHECK(refused(&C::update_inner, -1) == "config: update_inner is -1, wanted 0..16777216");
  CHECK(refused(&C::update_inner, std::numeric_limits<index_t>::max()) == "config: update_inner is 9223372036854775807, wanted 0..16777216");
}

TEST_CASE("config: rules between sizes") {
  using C = RuntimeConfig;
  CHECK(refused(&C::kv_heads, 3) == "config: heads 4 is not a multiple of kv_heads 3");
  CHECK(refused(&C::head_dim, 5) == "config: head_dim 5 is odd; rotary embedding turns pairs");
  CHECK(refused(&C::proxy_start, 5) == "config: proxy_start 5, wanted 0..4");
  CHECK(refused(&C::proxy_start, -1) == "config: proxy_start -1, wanted 0..4");
  CHECK(refused(&C::proxy_factor, 3) == "config: proxy_factor 3 does not divide crop_side 4");
  CHECK(refused(&C::update_inner, 0) == "config: update_inner is 0, ProxyV layers and light MLPs need an inner width");
  RuntimeConfig plain = good;
  plain.proxy_start = plain.layers;
  plain.update_inner = 0;
  CHECK_NOTHROW(check_config(plain));
}

TEST_CASE("config: numbers that would poison everything") {
  using C = RuntimeConfig;
  CHECK(refused(&C::norm_eps, -1.f) == "config: norm_eps is -1.000000, wanted a number in [0, 1)");
  CHECK(refused(&C::norm_eps, NAN).find("wanted a number in [0, 1)") != std::string::npos);
  CHECK(refused(&C::rope_theta, 0.0) == "config: rope_theta is 0.000000, wanted a positive number");
  CHECK(refused(&C::rope_theta, -5.0).find("wanted a positive number") != std::string::npos);
  CHECK(refused(&C::rope_theta, HUGE_VAL).find("wanted a positive number") != std::string::npos);
}

TEST_CASE("config: what follows from the sizes") {
  CHECK(tokens_per_crop(good) == 16);
  CHECK(proxies_per_crop(good) == 4);
  CHECK(heads_of(good).query_width() == 16);
  CHECK(heads_of(good).kv_width() == 8);
  STATIC_REQUIRE(reference_update_inner(4096) == 1024);
  STATIC_REQUIRE(reference_update_inner(1024) == 256);
  STATIC_REQUIRE(reference_update_inner(512) == 256);
}

TEST_CASE("config: the same numbers at run time") {
  const auto c = RuntimeConfig::from(presets::Qwen2_7B{});
  CHECK(c.hidden == 3584);
  CHECK(c.layers == 28);
  CHECK(c.heads == 28);
  CHECK(c.kv_heads == 4);
  CHECK(c.head_dim == 128);
  CHECK(c.ffn == 18944);
  CHECK(c.vocab == 152064);
  CHECK(c.norm_eps == 1e-6f);
  CHECK(c.rope_theta == 1e6);
  CHECK_FALSE(c.tied_embeddings);
  CHECK(c.qkv_bias);
  CHECK(c.proxy_start == 16);
  CHECK(c.proxy_factor == 4);
  CHECK(c.crop_side == 24);
  CHECK(c.update_inner == 896);
  CHECK_FALSE(c.learned_proxies);
}
