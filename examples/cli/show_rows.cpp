// Rows of savings as a table for people, as JSON and as CSV.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "methods.hpp"
#include "table.hpp"

namespace cli {
namespace {

std::string percent(double value) { return fmt::format("{:.1f} %", value); }
std::string start_text(const SavedRow& r) { return r.start < 0 ? "-" : fmt::format("{}", r.start); }

std::vector<std::string> cells(const SavedRow& r, bool paper) {
  std::vector<std::string> out{r.name, r.model, start_text(r), gflop_text(r.counted.published),
                               percent(r.published())};
  if (paper) {
    out.push_back(r.printed < 0 ? "-" : fmt::format("{:.0f} %", r.printed));
    out.push_back(r.printed < 0 ? "-" : fmt::format("{:+.1f}", r.published() - r.printed));
  }
  out.push_back(percent(r.exact()));
  return out;
}

std::string text(const std::vector<SavedRow>& rows, bool paper) {
  std::string out;
  for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    std::vector<std::vector<std::string>> lines{{"method", "model", "from layer", "GFLOP", "saved"}};
    if (paper) lines[0].insert(lines[0].end(), {"in the paper", "difference"});
    lines[0].push_back("with exact savings");
    for (end = begin; end < rows.size() && rows[end].table == rows[begin].table; ++end)
      lines.push_back(cells(rows[end], paper));
    out += fmt::format("{}{}\n\n{}", out.empty() ? "" : "\n", rows[begin].table, table(lines));
  }
  return out;
}

nlohmann::json json(const SavedRow& r) {
  const auto number_or_null = [](bool known, auto value) {
    return known ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  return {{"table", r.table},
          {"model", r.model},
          {"method", r.method},
          {"name", r.name},
          {"start_layer", number_or_null(r.start >= 0, r.start)},
          {"baseline_gflop", r.baseline / 1e9},
          {"gflop", r.counted.published / 1e9},
          {"exact_savings_gflop", r.counted.exact / 1e9},
          {"saved_percent", r.published()},
          {"exact_saved_percent", r.exact()},
          {"paper_percent", number_or_null(r.printed >= 0, r.printed)}};
}

/// A field, quoted where it holds a comma or a quote.
std::string field(const std::string& value) {
  if (value.find_first_of(",\"\n") == std::string::npos) return value;
  std::string out = "\"";
  for (const char c : value) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv(const std::vector<SavedRow>& rows) {
  std::string out =
      "table,model,method,name,start_layer,baseline_gflop,gflop,exact_savings_gflop,saved_percent,exact_"
      "saved_"
      "percent,paper_percent\n";
  for (const SavedRow& r : rows) {
    out +=
        fmt::format("{},{},{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{}\n", field(r.table), field(r.model),
                    field(r.method), field(r.name), r.start < 0 ? "" : std::to_string(r.start),
                    r.baseline / 1e9, r.counted.published / 1e9, r.counted.exact / 1e9, r.published(),
                    r.exact(), r.printed < 0 ? "" : fmt::format("{:.0f}", r.printed));
  }
  return out;
}

}  // namespace

std::string gflop_text(double flops) {
  return flops >= 1e11 ? fmt::format("{:.1f}", flops / 1e9) : fmt::format("{:#.3g}", flops / 1e9);
}

std::string show(const std::vector<SavedRow>& rows, Form form, bool paper) {
  if (form == Form::csv) return csv(rows);
  if (form == Form::text) return text(rows, paper);
  nlohmann::json out = nlohmann::json::array();
  for (const SavedRow& r : rows) out.push_back(json(r));
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace cli
