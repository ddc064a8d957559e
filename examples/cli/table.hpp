// Tables and numbers for people.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "asking.hpp"

namespace cli {

/// Columns padded to their widest cell; the first is left-aligned, the others right-aligned.
inline std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      out += i == 0 ? fmt::format("  {:<{}}", row[i], width[i]) : fmt::format("  {:>{}}", row[i], width[i]);
    out += '\n';
  }
  return out;
}

/// 1536 -> "1.5 KiB"
inline std::string bytes_text(double bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024.0 && unit < 4) {
    bytes /= 1024.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

/// Share of `before` that `after` saves; a dash where there is nothing to compare.
inline std::string saved_text(double before, double after) {
  const double saved = before > 0.0 ? 100.0 * (1.0 - after / before) : 0.0;
  return std::abs(saved) < 0.05 ? "-" : fmt::format("{:.1f} %", saved);
}

inline std::vector<std::string> stage_row(const char* name, const asking::Stage& s) {
  return {name, fmt::format("{}", s.tokens), fmt::format("{:.3f}", s.gflop), fmt::format("{:.1f}", s.ms), saved_text(s.plain_gflop, s.gflop)};
}

/// encode, prefill, decode: tokens, GFLOP, ms, and the share of FLOPs saved against a plain decoder.
inline std::string stage_table(const asking::Report& r) {
  asking::Stage all = r.encode;
  all += r.prefill;
  all += r.decode;
  return table({{"stage", "tokens", "GFLOP", "ms", "FLOPs saved"},
                stage_row("encode", r.encode),
                stage_row("prefill", r.prefill),
                stage_row("decode", r.decode),
                stage_row("all", all)});
}

}  // namespace cli
