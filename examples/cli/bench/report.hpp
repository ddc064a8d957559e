// A run as one HTML page that needs nothing else: a table, and plots as SVG inside it.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "../plot.hpp"
#include "results.hpp"

namespace bench {
namespace detail {

inline std::string_view colour(std::size_t i) {
  static constexpr std::string_view all[] = {svg::blue,   svg::orange, svg::green,
                                             svg::violet, svg::red,    svg::teal};
  return all[i % (sizeof all / sizeof *all)];
}

inline std::string fixed(double v, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

/// Results that differ in the start layer alone, as one curve each; those without one, as a level line.
template <class Value>
std::vector<plot::Series> by_start(const Run& run, Value&& value) {
  std::map<std::string, plot::Series> curves;
  double first = static_cast<double>(run.workload.config.layers), last = 0.0;
  for (const Result& r : run.results) {
    if (r.setting.start_layer < 0) continue;
    first = std::min(first, static_cast<double>(r.setting.start_layer));
    last = std::max(last, static_cast<double>(r.setting.start_layer));
  }
  if (last < first) first = last = 0.0;
  for (const Result& r : run.results) {
    Case key = r.setting;
    key.start_layer = -1;
    plot::Series& s = curves[key.name()];
    s.name = key.name();
    if (r.setting.start_layer >= 0) {
      s.x.push_back(static_cast<double>(r.setting.start_layer));
      s.y.push_back(value(r));
    } else {
      s.x = {first, last};
      s.y = {value(r), value(r)};
    }
  }
  std::vector<plot::Series> out;
  for (auto& [name, series] : curves) {
    series.colour = colour(out.size());
    out.push_back(std::move(series));
  }
  return out;
}

}  // namespace detail

inline svg::Svg time_against_start(const Run& run) {
  return plot::curves({.title = "Prefill time", .x = "start layer", .y = "ms, median", .whole_x = true},
                      detail::by_start(run, [](const Result& r) { return r.prefill.median(); }));
}
inline svg::Svg flops_against_start(const Run& run) {
  return plot::curves({.title = "Prefill FLOPs, as run", .x = "start layer", .y = "GFLOP", .whole_x = true},
                      detail::by_start(run, [](const Result& r) { return r.prefill_flops / 1e9; }));
}

/// A bar per case, its layers stacked.
inline svg::Svg time_per_layer(const Run& run) {
  std::vector<std::string> bars;
  std::vector<plot::Series> layers(static_cast<std::size_t>(run.workload.config.layers));
  for (std::size_t l = 0; l < layers.size(); ++l)
    layers[l] = {.name = std::to_string(l), .colour = l % 2 == 0 ? svg::blue : "#8fb0dc"};
  for (const Result& r : run.results) {
    bars.push_back(r.setting.label());
    for (std::size_t l = 0; l < layers.size(); ++l)
      layers[l].y.push_back(l < r.layer_ms.size() ? r.layer_ms[l] : 0.0);
  }
  return plot::stacked_bars({.title = "Time per layer, stacked", .x = "case", .y = "ms"}, bars, layers);
}

/// Each case's prefill (and one decode step) by arithmetic intensity, under what the engine reaches at its
/// best.
inline svg::Svg roofline(const Run& run) {
  std::vector<plot::Series> series;
  double low = 1e300, high = 0.0;
  const auto point = [&](plot::Series& s, double flops, double bytes, double ms) {
    if (ms <= 0.0 || bytes <= 0.0) return;
    s.x.push_back(flops / bytes);
    s.y.push_back(flops / ms / 1e6);
    low = std::min(low, s.x.back());
    high = std::max(high, s.x.back());
  };
  plot::Series prefill{.name = "prefill", .colour = svg::blue, .marks_only = true};
  plot::Series decode{.name = "decode", .colour = svg::green, .marks_only = true};
  for (const Result& r : run.results) {
    point(prefill, r.prefill_flops, r.prefill_bytes, r.prefill.median());
    if (!r.decode.empty()) point(decode, r.decode_flops, r.decode_bytes, r.decode.median());
  }
  const double ridge = run.ceilings.gemm_flops / run.ceilings.copy_bytes;
  plot::Series roof{.name = "best product and copy of the engine", .colour = svg::orange};
  for (const double x : {std::min(low, ridge) / 2.0, ridge, std::max(high, ridge) * 2.0}) {
    roof.x.push_back(x);
    roof.y.push_back(std::min(run.ceilings.gemm_flops, x * run.ceilings.copy_bytes) / 1e9);
  }
  series.push_back(std::move(roof));
  series.push_back(std::move(prefill));
  if (!decode.x.empty()) series.push_back(std::move(decode));
  return plot::curves({.title = "Roofline",
                       .x = "FLOP per byte that the ops read and write",
                       .y = "GFLOP/s",
                       .log_x = true,
                       .log_y = true},
                      series);
}

/// The picture, where there is an encoder, the prefill and the generated tokens, per case.
inline svg::Svg stage_bars(const Run& run) {
  std::vector<std::string> bars;
  plot::Series encode{.name = "encoder and projector", .colour = svg::orange};
  plot::Series prefill{.name = "prefill", .colour = svg::blue};
  plot::Series decode{.name = std::to_string(run.workload.decode) + " tokens", .colour = svg::green};
  for (const Result& r : run.results) {
    bars.push_back(r.setting.label());
    encode.y.push_back(r.encode.empty() ? 0.0 : r.encode.median());
    prefill.y.push_back(r.prefill.median());
    decode.y.push_back(r.decode.empty() ? 0.0 : r.decode.median() * static_cast<double>(run.workload.decode));
  }
  std::vector<plot::Series> stages{prefill, decode};
  if (std::any_of(run.results.begin(), run.results.end(), [](const Result& r) { return !r.encode.empty(); }))
    stages.insert(stages.begin(), encode);
  return plot::stacked_bars({.title = "Stages", .x = "case", .y = "ms"}, bars, stages);
}

inline std::string report_html(const Run& run) {
  const Workload& w = run.workload;
  std::string rows;
  const auto cell = [&](const std::string& text) { rows += "<td>" + svg::escaped(text) + "</td>"; };
  for (const Result& r : run.results) {
    rows += "<tr>";
    cell(r.setting.name());
    cell(r.encode.empty() ? "-" : detail::fixed(r.encode.median(), 3) + " ms");
    cell(detail::fixed(r.prefill.median(), 3) + " ms ± " + detail::fixed(100.0 * r.prefill.spread(), 1) +
         " %");
    cell(r.decode.empty() ? "-"
                          : detail::fixed(r.decode.median(), 3) + " ms ± " +
                                detail::fixed(100.0 * r.decode.spread(), 1) + " %");
    cell(detail::fixed(r.prefill_flops / 1e9, 2));
    cell(detail::fixed(r.paper_flops / 1e9, 2));
    cell(detail::fixed(r.prefill_flops / r.prefill.median() / 1e6, 1));
    cell(detail::fixed(100.0 * r.prefill_flops / r.prefill.median() * 1e3 / run.ceilings.gemm_flops, 0) +
         " %");
    rows += "</tr>\n";
  }
  std::string plots;
  for (const svg::Svg& s : {time_against_start(run), flops_against_start(run), time_per_layer(run),
                            roofline(run), stage_bars(run)})
    plots += "<figure>" + s.str() + "</figure>\n";
  const std::string title = "proxyv bench: " + w.model;
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + svg::escaped(title) +
         "</title>\n<style>body{font:15px/1.5 "
         "Helvetica,Arial,sans-serif;color:#22303c;max-width:1340px;margin:24px auto;padding:0 16px}"
         "table{border-collapse:collapse}td,th{padding:3px 12px;border-bottom:1px solid "
         "#d5dbe1;text-align:right;white-space:nowrap}"
         "td:first-child,th:first-child{text-align:left}figure{display:inline-block;margin:12px "
         "4px}</style></head>\n<body><h1>" +
         svg::escaped(title) + "</h1>\n<p>" +
         svg::escaped(run.machine + "; engine " + w.engine + ", elements " + w.element + ", weights " +
                      w.weights + ", " + std::to_string(w.threads) + " threads. " + std::to_string(w.crops) +
                      " crops, " + std::to_string(w.text) + " text tokens. Median of " +
                      std::to_string(run.results.empty() ? 0 : run.results[0].prefill.ms.size()) + " after " +
                      std::to_string(w.warm_up) +
                      " to warm up; ± half the distance of the quartiles. Between the two rounds a case's "
                      "median moved by " +
                      detail::fixed(100.0 * run.noise(), 1) + " %, at most " +
                      detail::fixed(100.0 * run.worst_noise(), 1) + " %.") +
         "</p>\n<table><tr><th>case</th><th>encoder</th><th>prefill</th><th>decode, per token</th><th>GFLOP "
         "as "
         "run</th><th>GFLOP as the paper counts</th>"
         "<th>GFLOP/s</th><th>of best product</th></tr>\n" +
         rows + "</table>\n" + plots + "</body></html>\n";
}

}  // namespace bench
