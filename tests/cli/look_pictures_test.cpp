#include "cli/look_pictures.hpp"

#include "support/catch.hpp"

using namespace looking;

namespace {

/// Two layers, two crops of 4 x 4 tokens, four spatial proxies in each.
Looked looked() {
  Looked l;
  l.side = 4;
  l.vision = 32;
  l.start_layer = 1;
  l.layers.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    l.layers[i].last = {.vision = 0.75, .newlines = 0.0, .text = 0.25};
    l.layers[i].vision.assign(32, 0.0);
    l.layers[i].vision[i == 0 ? 0 : 31] = 0.75;
    l.layers[i].mir = 1.0;
  }
  l.layers[1].proxies = {.proxies = 1.0};
  l.places = {{0, 0, 16, 8}, {0, 0, 16, 8}};
  l.proxies.assign(2, pv::look::spatial_proxy_map(4, 2));
  l.mir = 0.301;
  return l;
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("look pictures: attention over the picture, of one layer and of all") {
  const pv::Image picture(16, 8, {100, 100, 100});
  const auto sum = [](const pv::look::Matrix<double>& m) {
    double all = 0.0;
    for (index_t y = 0; y < m.rows(); ++y)
      for (index_t x = 0; x < m.cols(); ++x) all += m(y, x);
    return all;
  };
  const auto first = attention_over(picture, looked(), 0), mean = attention_over(picture, looked(), -1);
  CHECK(sum(first) == Approx(0.75));
  CHECK(sum(mean) == Approx(0.75));
  CHECK(first(0, 0) == Approx(0.75 / 8));  // one token is 4 x 2 pixels
  CHECK(first(7, 15) == 0.0);
  CHECK(mean(7, 15) == Approx(0.375 / 8));

  const pv::Image heat = heat_over(picture, first);
  CHECK(heat.at(0, 0)[0] > heat.at(0, 0)[2] + 50);  // red
  CHECK(heat.at(15, 7)[0] == heat.at(15, 7)[2]);    // pale
  CHECK(heat.at(15, 7)[0] > 100);
}

TEST_CASE("look pictures: no attention at all is no heat") {
  const pv::Image picture(4, 4, {100, 100, 100});
  const pv::Image heat = heat_over(picture, pv::look::Matrix<double>(4, 4));
  CHECK(heat.at(2, 2)[0] == heat.at(2, 2)[2]);
}

TEST_CASE("look pictures: a proxy's tokens have its colour, other proxies' another") {
  const pv::Image out = proxies_over(pv::Image(16, 8, {100, 100, 100}), looked());
  CHECK(out.at(0, 0) == out.at(7, 3));
  CHECK(out.at(0, 0) != out.at(8, 0));
  CHECK(out.at(0, 0) != out.at(0, 4));
}

TEST_CASE("look pictures: bars name what there is, rasters have a square per token and a dot per part") {
  const auto last = attention_bars(looked(), &Layer::last, "Last").str();
  CHECK(count(last, ">vision</text>") == 1);
  CHECK(count(last, ">newlines</text>") == 0);
  const auto proxies = attention_bars(looked(), &Layer::proxies, "Proxies").str();
  CHECK(count(proxies, "<title>proxies, ") == 1);
  CHECK(mir_curve(looked()).str().find("MIR = 0.301") != std::string::npos);

  Looked l = looked();
  const auto spatial = proxy_rasters(l).str();
  CHECK(count(spatial, "<title>token ") == 16);
  CHECK(count(spatial, "<circle") == 16);  // a factor of two: all four tokens of a block
  CHECK(spatial.find("every crop") != std::string::npos);
  l.learned = true;
  CHECK(count(proxy_rasters(l).str(), "<title>token ") == 32);
}
