#include "proxyv/io/rope_config.hpp"

#include <string>

#include "io/files.hpp"
#include "proxyv/io/json.hpp"

namespace io = proxyv::io;
using files::message;

namespace {

/// Heads of 4, 4096 positions.
io::RopeConfig parse(const std::string& members, const std::string& top = "") {
  const auto whole = io::parse_json("{" + top + "}", "c"), nested = io::parse_json("{" + members + "}", "c");
  return io::read_rope(io::JsonFields(nested, "c", "rope_scaling."), io::JsonFields(whole, "c"), 4, 4096);
}

std::string refusal(const std::string& members) {
  return message([&] { parse(members); });
}

}  // namespace

TEST_CASE("rope scaling is read by its type") {
  CHECK(parse(R"("rope_type":"default")").type == io::RopeType::plain);
  const auto linear = parse(R"("type":"linear","factor":4)");
  CHECK(linear.type == io::RopeType::linear);
  CHECK(linear.factor == 4.0);
  CHECK(linear.original_positions == 0);
  CHECK(parse(R"("type":"dynamic","factor":2.0)").type == io::RopeType::dynamic);
  const auto llama3 = parse(
      R"("rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192)");
  CHECK(llama3.type == io::RopeType::llama3);
  CHECK(llama3.high_freq_factor == 4.0);
  CHECK(llama3.original_positions == 8192);
  const std::string lists = R"("short_factor":[1,1.5],"long_factor":[2,9])";
  const auto su = parse(R"("type":"su",)" + lists, R"("original_max_position_embeddings":512)");
  CHECK(su.type == io::RopeType::longrope);
  CHECK(su.original_positions == 512);
  CHECK(su.factor == 8.0);
  CHECK(su.amplitude == 0.0);
  CHECK(su.long_factor == std::vector<double>{2.0, 9.0});
  CHECK(parse(R"("rope_type":"longrope","attention_factor":1.25,"original_max_position_embeddings":1024,)" +
              lists)
            .amplitude == 1.25);
}

TEST_CASE("rope scaling is refused by the key that is wrong") {
  CHECK(refusal("") == "c: rope_scaling.type: wanted a string, found nothing");
  CHECK(refusal(R"("type":"yarn","factor":4)") ==
        "c: rope_scaling.type: wanted default, linear, dynamic, llama3, longrope or su, found \"yarn\"");
  CHECK(refusal(R"("type":"linear")") == "c: rope_scaling.factor: wanted a number, found nothing");
  CHECK(refusal(R"("type":"linear","factor":0.5)") ==
        "c: rope_scaling.factor: wanted a number in [1, 1e+06], found 0.5");
  CHECK(refusal(R"("rope_type":"llama3","factor":8,"low_freq_factor":1)") ==
        "c: rope_scaling.high_freq_factor: wanted a number, found nothing");
  CHECK(refusal(R"("rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":1)") ==
        "c: rope_scaling.high_freq_factor: wanted more than low_freq_factor, found 1");
  CHECK(refusal(R"("rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4)") ==
        "c: rope_scaling.original_max_position_embeddings: wanted an integer, found nothing");
  CHECK(refusal(R"("type":"su","short_factor":[1,1]})").find("JSON") != std::string::npos);
  CHECK(refusal(R"("type":"su","short_factor":[1,1])") ==
        "c: rope_scaling.long_factor: wanted an array of numbers, found nothing");
  CHECK(refusal(R"("type":"su","short_factor":[1,1,1],"long_factor":[1,1])") ==
        "c: rope_scaling.short_factor: wanted 2 numbers (head_dim / 2), found 3");
  CHECK(refusal(R"("type":"su","short_factor":[1,0],"long_factor":[1,1])") ==
        "c: rope_scaling.short_factor: wanted a number in [1e-06, 1e+06], found 0");
  CHECK(refusal(R"("type":"su","short_factor":[1,1],"long_factor":[1,1])") ==
        "c: rope_scaling.original_max_position_embeddings: wanted an integer, found nothing");
}
