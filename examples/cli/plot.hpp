// Plots: curves and stacked bars on labelled axes, drawn with Svg.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "svg.hpp"

namespace plot {

/// A named row of values. In curves a value's place is x[i]; in bars, x is not used.
struct Series {
  std::string name;
  std::string_view colour = svg::blue;
  std::vector<double> x{}, y{};
  bool marks_only = false;  ///< points without a line between them
};

struct Labels {
  std::string title{}, x{}, y{};
  bool log_x = false, log_y = false;
  bool whole_x = false;  ///< only whole numbers are labelled
};

/// Round numbers, at most about `most` of them, that cover [low, high] and are 1, 2 or 5 times a power of ten
/// apart. On a logarithmic axis: the powers of ten (and 2, 5 times them where the range is short).
inline std::vector<double> ticks(double low, double high, int most, bool logarithmic = false) {
  std::vector<double> out;
  if (logarithmic) {
    const bool fine = high / low < 1000.0;
    for (double decade = std::pow(10.0, std::floor(std::log10(low))); decade <= high * 1.0001; decade *= 10.0)
      for (const double step : {1.0, 2.0, 5.0})
        if ((step == 1.0 || fine) && decade * step >= low * 0.9999 && decade * step <= high * 1.0001)
          out.push_back(decade * step);
    return out;
  }
  const double rough = (high - low) / most, power = std::pow(10.0, std::floor(std::log10(rough)));
  const double step = power * (rough <= power         ? 1.0
                               : rough <= 2.0 * power ? 2.0
                               : rough <= 5.0 * power ? 5.0
                                                      : 10.0);
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i += 1.0)
    out.push_back(i * step + 0.0);  // + 0: no minus zero
  return out;
}

/// 1500 -> "1500", 0.02 -> "0.02", 2e-5 -> "2e-05"
inline std::string tick_text(double v) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, v, std::chars_format::general, 4).ptr;
  return {text, end};
}

/// One axis: values to pixels.
struct Axis {
  double low = 0.0, high = 1.0;  ///< values at its ends
  double from = 0.0, to = 1.0;   ///< pixels there
  bool logarithmic = false;

  double operator()(double v) const {
    const double part = logarithmic ? std::log(v / low) / std::log(high / low) : (v - low) / (high - low);
    return from + (to - from) * part;
  }
};

namespace detail {

inline constexpr double width = 640, height = 340, left = 68, right = 16, top = 94, bottom = 48;

/// From the least to the greatest of the values, not empty; linear axes begin at zero when `from_zero`.
inline Axis axis_over(const std::vector<double>& values, bool logarithmic, bool from_zero) {
  Axis a;
  a.low = std::numeric_limits<double>::infinity();
  a.high = -a.low;
  for (const double v : values) {
    PROXYV_CHECK(std::isfinite(v) && (!logarithmic || v > 0.0), proxyv::ArgumentError, "plot: the value ", v,
                 logarithmic ? " on a logarithmic axis" : " is not finite");
    a.low = std::min(a.low, v);
    a.high = std::max(a.high, v);
  }
  PROXYV_CHECK(!values.empty(), proxyv::ArgumentError, "plot: nothing to plot");
  a.logarithmic = logarithmic;
  if (logarithmic) {
    a.low /= 1.2;
    a.high *= 1.2;
    return a;
  }
  if (from_zero) a.low = std::min(a.low, 0.0);
  if (a.high <= a.low) a.high = a.low + 1.0;
  if (from_zero) a.high += 0.05 * (a.high - a.low);
  return a;
}

inline void legend(svg::Svg& out, const std::vector<Series>& series) {
  if (series.size() > 7) return;  // a legend of so many says nothing
  double x = left, y = 42;
  for (const Series& s : series) {
    const double length = 32.0 + 6.6 * static_cast<double>(s.name.size());
    if (x + length > width && x > left) {
      x = left;
      y += 16;
    }
    out.rect({x, y, 10, 10}, s.colour);
    out.text({x + 15, y + 9}, s.name);
    x += length;
  }
}

inline void frame(svg::Svg& out, const Labels& labels, const Axis& y) {
  out.text({left, 28}, labels.title, {.size = 16, .bold = true});
  for (const double v : ticks(y.low, y.high, 6, y.logarithmic)) {
    out.line({left, y(v)}, {width - right, y(v)}, svg::faint);
    out.text({left - 8, y(v) + 4}, tick_text(v), {.size = 11, .fill = svg::grey, .anchor = svg::Anchor::end});
  }
  out.text({left, top - 8}, labels.y, {.size = 11, .fill = svg::grey});
  out.text({(left + width - right) / 2, height - 10}, labels.x,
           {.size = 11, .fill = svg::grey, .anchor = svg::Anchor::middle});
}

inline svg::Svg canvas(const Labels& labels, const std::string& kind) {
  return {width, height, labels.title, kind + " of " + labels.y + " against " + labels.x};
}

}  // namespace detail

/// Curves through the points of each series, with a mark and a hint on each point.
/// Throws ArgumentError for no points, x and y of different counts, or numbers that no axis has.
inline svg::Svg curves(const Labels& labels, const std::vector<Series>& series) {
  std::vector<double> all_x, all_y;
  for (const Series& s : series) {
    PROXYV_CHECK(s.x.size() == s.y.size(), proxyv::ArgumentError, "plot: series ", s.name, " has ",
                 s.x.size(), " places and ", s.y.size(), " values");
    all_x.insert(all_x.end(), s.x.begin(), s.x.end());
    all_y.insert(all_y.end(), s.y.begin(), s.y.end());
  }
  Axis x = detail::axis_over(all_x, labels.log_x, false), y = detail::axis_over(all_y, labels.log_y, true);
  x.from = detail::left + 14;
  x.to = detail::width - detail::right - 14;
  y.from = detail::height - detail::bottom;
  y.to = detail::top;
  svg::Svg out = detail::canvas(labels, "Curves");
  detail::frame(out, labels, y);
  for (const double v : ticks(x.low, x.high, 10, x.logarithmic)) {
    if (labels.whole_x && v != std::round(v)) continue;
    out.text({x(v), y.from + 16}, tick_text(v),
             {.size = 11, .fill = svg::grey, .anchor = svg::Anchor::middle});
  }
  detail::legend(out, series);
  for (const Series& s : series) {
    std::vector<svg::Point> points;
    for (std::size_t i = 0; i < s.x.size(); ++i) points.push_back({x(s.x[i]), y(s.y[i])});
    if (!s.marks_only) out.polyline(points, s.colour);
    for (std::size_t i = 0; i < points.size(); ++i)
      out.circle(points[i], 3.2, s.colour, s.name + ": " + tick_text(s.x[i]) + ", " + tick_text(s.y[i]));
  }
  return out;
}

/// One bar per name, the series' values (>= 0) stacked in their order.
/// Throws ArgumentError for no bars, a series of another length, or a value that is negative or not finite.
inline svg::Svg stacked_bars(const Labels& labels, const std::vector<std::string>& bars,
                             const std::vector<Series>& series) {
  std::vector<double> sums(bars.size());
  for (const Series& s : series) {
    PROXYV_CHECK(s.y.size() == bars.size(), proxyv::ArgumentError, "plot: series ", s.name, " has ",
                 s.y.size(), " values for ", bars.size(), " bars");
    for (std::size_t i = 0; i < bars.size(); ++i) {
      PROXYV_CHECK(s.y[i] >= 0.0, proxyv::ArgumentError, "plot: series ", s.name, " has a bar of ", s.y[i]);
      sums[i] += s.y[i];
    }
  }
  Axis y = detail::axis_over(sums, false, true);
  y.from = detail::height - detail::bottom;
  y.to = detail::top;
  svg::Svg out = detail::canvas(labels, "Stacked bars");
  detail::frame(out, labels, y);
  detail::legend(out, series);
  const double pitch = (detail::width - detail::right - detail::left) / static_cast<double>(bars.size());
  const double thick = std::min(pitch * 0.8, 60.0);
  std::size_t longest = 0;
  for (const std::string& bar : bars) longest = std::max(longest, bar.size());
  const double room = 12.0 + 6.4 * static_cast<double>(longest);
  const auto every = static_cast<std::size_t>(std::ceil(room / pitch));  // labels that have room
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double middle = detail::left + (static_cast<double>(i) + 0.5) * pitch;
    double below = 0.0;
    for (const Series& s : series) {
      if (s.y[i] == 0.0) continue;
      const double up = y(below + s.y[i]), down = y(below);
      out.rect({middle - thick / 2, up, thick, down - up}, s.colour, 1.0,
               s.name + ", " + bars[i] + ": " + tick_text(s.y[i]));
      below += s.y[i];
    }
    if (i % every == 0)
      out.text({middle, y.from + 16}, bars[i],
               {.size = 11, .fill = svg::grey, .anchor = svg::Anchor::middle});
  }
  return out;
}

}  // namespace plot
