// The drawings of `proxyv look`.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "looking.hpp"
#include "plot.hpp"

namespace looking {

inline std::vector<std::string> layer_names(const Looked& l) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < l.layers.size(); ++i) names.push_back(std::to_string(i));
  return names;
}

/// A bar per layer: where one kind of token looks. `which` is &Layer::last or &Layer::proxies.
inline svg::Svg attention_bars(const Looked& l, pv::look::AttentionMass Layer::*which,
                               const std::string& title) {
  using pv::look::AttentionMass;
  const auto part = [&](const char* name, std::string_view colour, double AttentionMass::*member) {
    plot::Series s{.name = name, .colour = colour};
    for (const Layer& layer : l.layers) s.y.push_back(layer.*which.*member);
    return s;
  };
  std::vector<plot::Series> parts{part("vision", svg::blue, &AttentionMass::vision),
                                  part("proxies", svg::orange, &AttentionMass::proxies),
                                  part("newlines", svg::grey, &AttentionMass::newlines),
                                  part("text", svg::green, &AttentionMass::text)};
  std::erase_if(parts, [](const plot::Series& s) {
    return std::all_of(s.y.begin(), s.y.end(), [](double v) { return v == 0.0; });
  });
  return plot::stacked_bars({.title = title, .x = "layer", .y = "attention mass, mean over heads"},
                            layer_names(l), parts);
}

inline svg::Svg mir_curve(const Looked& l) {
  plot::Series s{.name = "layer's term", .colour = svg::violet};
  for (std::size_t i = 0; i < l.layers.size(); ++i) {
    s.x.push_back(static_cast<double>(i));
    s.y.push_back(l.layers[i].mir);
  }
  char total[64];
  std::snprintf(total, sizeof total, "Modality integration rate: MIR = %.3f", l.mir);
  return plot::curves(
      {.title = total, .x = "layer", .y = "Frechet distance of vision and text states", .whole_x = true},
      {s});
}

/// The greatest entry of a row.
inline index_t largest(const pv::look::Matrix<float>& m, index_t row) {
  return std::max_element(m.row(row), m.row(row) + m.cols()) - m.row(row);
}

/// A hue for every proxy; neighbours differ.
inline pv::Rgb hue(index_t proxy) {
  pv::Rgb out{};
  const double turn = 2.39996 * static_cast<double>(proxy);  // the golden angle
  for (std::size_t c = 0; c < 3; ++c)
    out[c] = static_cast<std::uint8_t>(
        std::lround(140.0 + 90.0 * std::cos(turn - 2.0944 * static_cast<double>(c))));
  return out;
}
inline std::string hex(pv::Rgb colour) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", colour[0], colour[1], colour[2]);
  return text;
}

/// One crop's raster: a token has the colour of the proxy that it follows most, as strongly as it does; a dot
/// where a token is part of a proxy, as large as its part.
inline void draw_raster(svg::Svg& out, const pv::look::ProxyMap& map, index_t side, svg::Point corner,
                        double cell) {
  float most = 0.f;
  for (index_t p = 0; p < map.made_of.rows(); ++p)
    most = std::max(most, map.made_of(p, largest(map.made_of, p)));
  for (index_t t = 0; t < side * side; ++t) {
    const svg::Box box{corner.x + static_cast<double>(t % side) * cell,
                       corner.y + static_cast<double>(t / side) * cell, cell - 0.6, cell - 0.6};
    const index_t owner = largest(map.follows, t);
    out.rect(box, hex(hue(owner)), 0.15 + 0.7 * double{map.follows(t, owner)},
             "token " + std::to_string(t) + " follows proxy " + std::to_string(owner));
  }
  for (index_t p = 0; p < map.made_of.rows(); ++p) {
    for (index_t t = 0; t < side * side; ++t) {
      const double share = double{map.made_of(p, t)} / double{most};
      if (share < 0.05) continue;
      out.circle({corner.x + (static_cast<double>(t % side) + 0.5) * cell - 0.3,
                  corner.y + (static_cast<double>(t / side) + 0.5) * cell - 0.3},
                 0.36 * cell * std::sqrt(share), svg::ink);
    }
  }
}

/// Every crop's raster, the base crop first. Spatial proxies are the same in each: one is drawn.
inline svg::Svg proxy_rasters(const Looked& l) {
  const std::size_t crops = l.learned ? l.proxies.size() : 1;
  constexpr double raster = 192.0, gap = 24.0;
  const double columns = static_cast<double>(std::min<std::size_t>(crops, 3));
  const double rows = std::ceil(static_cast<double>(crops) / columns);
  svg::Svg out(gap + std::max(columns * (raster + gap), 2 * raster), 84 + rows * (raster + gap + 16),
               "Which tokens a proxy serves",
               "A square per vision token, coloured by the proxy it follows; dots where proxies are made.");
  out.text({gap, 32}, "Which tokens a proxy serves", {.size = 16, .bold = true});
  out.text({gap, 52}, "colour: the proxy that a token follows; dot: what a proxy is made of",
           {.size = 11, .fill = svg::grey});
  for (std::size_t c = 0; c < crops; ++c) {
    const svg::Point corner{gap + static_cast<double>(c % 3) * (raster + gap),
                            84 + static_cast<double>(c / 3) * (raster + gap + 16)};
    const std::string name = !l.learned ? "every crop" : c == 0 ? "base crop" : "crop " + std::to_string(c);
    out.text({corner.x, corner.y - 6}, name, {.size = 11, .fill = svg::grey});
    draw_raster(out, l.proxies[c], l.side, corner, raster / static_cast<double>(l.side));
  }
  return out;
}

/// part 0: a; part 1: b
inline pv::Rgb mixed(pv::Rgb a, pv::Rgb b, double part) {
  pv::Rgb out{};
  for (std::size_t c = 0; c < 3; ++c)
    out[c] = static_cast<std::uint8_t>(
        std::lround(double{static_cast<double>(a[c])} * (1.0 - part) + static_cast<double>(b[c]) * part));
  return out;
}

/// The picture, pale where little falls and red where much does; full strength at the 99.5th percentile.
inline pv::Image heat_over(const pv::Image& picture, const pv::look::Matrix<double>& heat) {
  std::vector<double> sorted(heat.row(0), heat.row(0) + heat.rows() * heat.cols());
  const auto place =
      sorted.begin() + static_cast<std::ptrdiff_t>(0.995 * static_cast<double>(sorted.size() - 1));
  std::nth_element(sorted.begin(), place, sorted.end());
  const double full = *place > 0.0 ? *place : 1.0;
  pv::Image out(picture.width(), picture.height());
  for (index_t y = 0; y < picture.height(); ++y) {
    for (index_t x = 0; x < picture.width(); ++x) {
      const double part = std::min(heat(y, x) / full, 1.0);
      const pv::Rgb pale = mixed(picture.at(x, y), {255, 255, 255}, 0.35 * (1.0 - part));
      out.set(x, y, mixed(pale, {214, 40, 40}, 0.75 * part));
    }
  }
  return out;
}

/// The picture under the crops' proxies: each token tinted by the proxy that it follows, stronger where the
/// proxy is made. Crops of the grid where there are any, else the one crop.
inline pv::Image proxies_over(const pv::Image& picture, const Looked& l) {
  pv::Image out = picture;
  for (std::size_t c = l.places.size() > 1 ? 1 : 0; c < l.places.size(); ++c) {
    const auto& place = l.places[c];
    const auto& map = l.proxies[c];
    const double cell_x = place.width / static_cast<double>(l.side),
                 cell_y = place.height / static_cast<double>(l.side);
    for (index_t y = 0; y < picture.height(); ++y) {
      for (index_t x = 0; x < picture.width(); ++x) {
        const double u = (static_cast<double>(x) + 0.5 - place.x) / cell_x,
                     v = (static_cast<double>(y) + 0.5 - place.y) / cell_y;
        if (u < 0.0 || v < 0.0 || u >= static_cast<double>(l.side) || v >= static_cast<double>(l.side))
          continue;
        const index_t t = static_cast<index_t>(v) * l.side + static_cast<index_t>(u),
                      owner = largest(map.follows, t);
        const bool makes = map.made_of(owner, t) >= 0.5f * map.made_of(owner, largest(map.made_of, owner));
        const index_t crop = static_cast<index_t>(c) * map.made_of.rows();
        out.set(x, y, mixed(picture.at(x, y), hue(crop + owner), makes ? 0.7 : 0.4));
      }
    }
  }
  return out;
}

/// The last token's attention over the picture: mean over the layers, or one of them.
inline pv::look::Matrix<double> attention_over(const pv::Image& picture, const Looked& l, index_t layer) {
  std::vector<double> values(static_cast<std::size_t>(l.vision));
  index_t layers = 0;
  for (index_t i = 0; i < static_cast<index_t>(l.layers.size()); ++i) {
    if (layer >= 0 && layer != i) continue;
    ++layers;
    for (std::size_t t = 0; t < values.size(); ++t)
      values[t] += l.layers[static_cast<std::size_t>(i)].vision[t];
  }
  for (double& v : values) v /= static_cast<double>(layers);
  return pv::look::spread_over_picture({values.data(), l.vision}, l.places, l.side, picture.width(),
                                       picture.height());
}

}  // namespace looking
