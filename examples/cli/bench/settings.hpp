// What `proxyv bench` measures: one workload, and the cases that are run on it.
#pragma once

#include <charconv>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "proxyv/model/config.hpp"

namespace bench {

namespace pv = proxyv;
using pv::index_t;

/// The same for every case of a run.
struct Workload {
  std::string model = "tiny";    ///< name, for reports
  pv::RuntimeConfig config{};    ///< sizes; each case sets its own start layer and reduction
  index_t crops = 5, text = 50;  ///< of the prompt
  index_t decode = 8;            ///< tokens generated after it
  std::string engine = "eigen", element = "f32", weights = "f32";
  std::string encoder = "none";  ///< of the stage before the decoder
  int threads = 1;               ///< of the eigen engine
  int warm_up = 1, repetitions = 5;
};

/// One variant at one setting. Where a variant has no start layer or no proxies, the number is -1.
struct Case {
  std::string variant;
  index_t start_layer = -1, reduce = -1;

  friend bool operator==(const Case&, const Case&) = default;

  std::string name() const {
    std::string out = variant;
    if (start_layer >= 0) out += " from layer " + std::to_string(start_layer);
    if (reduce >= 0) out += ", reduce " + std::to_string(reduce);
    return out;
  }
  /// The same, short: "proxyv 8/4".
  std::string label() const {
    std::string out = variant;
    if (start_layer >= 0) out += " " + std::to_string(start_layer);
    if (reduce >= 0) out += "/" + std::to_string(reduce);
    return out;
  }
};

/// What a variant can be swept over.
struct VariantInfo {
  std::string name, about;
  bool has_start = true, has_reduce = false;
  index_t first_start = 0;  ///< the earliest start layer there is
};

namespace detail {

inline index_t sweep_number(std::string_view text, std::string_view whole) {
  index_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  PROXYV_CHECK(error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 65536,
               pv::ArgumentError, "sweep \"", whole, "\": \"", text, "\", wanted a number in 0..65536");
  return value;
}

inline std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto place = text.find(at);
    out.push_back(text.substr(0, place));
    if (place == std::string_view::npos) return out;
    text.remove_prefix(place + 1);
  }
}

}  // namespace detail

/// "4:28:8" is 4, 12, 20, 28; "4:6" is 4, 5, 6; parts are joined by commas: "0,4:12:4". Sorted, each once.
/// Throws ArgumentError that quotes what is not a sweep.
inline std::vector<index_t> parse_sweep(std::string_view text) {
  std::set<index_t> values;
  for (const std::string_view part : detail::split(text, ',')) {
    const auto ends = detail::split(part, ':');
    PROXYV_CHECK(ends.size() <= 3, pv::ArgumentError, "sweep \"", text, "\": \"", part,
                 "\", wanted FIRST:LAST:STEP");
    const index_t first = detail::sweep_number(ends[0], text);
    const index_t last = ends.size() > 1 ? detail::sweep_number(ends[1], text) : first;
    const index_t step = ends.size() > 2 ? detail::sweep_number(ends[2], text) : 1;
    PROXYV_CHECK(step > 0 && first <= last, pv::ArgumentError, "sweep \"", text, "\": \"", part,
                 "\" does not go up from its first number to its last");
    for (index_t v = first; v <= last; v += step) values.insert(v);
  }
  return {values.begin(), values.end()};
}

/// Every variant at every setting that it has, in the order given, each case once.
/// Throws ArgumentError for an unknown variant, a start layer beyond the model, or a reduction that does not
/// divide the crop's side.
inline std::vector<Case> cases(const std::vector<VariantInfo>& known, const std::vector<std::string>& wanted,
                               const std::vector<index_t>& starts, const std::vector<index_t>& reduces,
                               const pv::RuntimeConfig& config) {
  for (const index_t s : starts)
    PROXYV_CHECK(s < config.layers, pv::ArgumentError, "--start-layer ", s, ": the model has layers 0..",
                 config.layers - 1);
  for (const index_t r : reduces)
    PROXYV_CHECK(r > 0 && config.crop_side % r == 0, pv::ArgumentError, "--reduce ", r,
                 ": does not divide the crop side ", config.crop_side);
  std::vector<Case> out;
  for (const std::string& name : wanted) {
    const VariantInfo* info = nullptr;
    std::string names;
    for (const VariantInfo& v : known) {
      if (v.name == name) info = &v;
      names += (names.empty() ? "" : ", ") + v.name;
    }
    PROXYV_CHECK(info != nullptr, pv::ArgumentError, "--variants: no variant \"", name, "\"; wanted some of ",
                 names);
    if (info->has_start)
      for (const index_t s : starts)
        PROXYV_CHECK(s >= info->first_start, pv::ArgumentError, "--start-layer ", s, ": ", name,
                     " begins at layer ", info->first_start, " at the earliest");
    for (const index_t start : info->has_start ? starts : std::vector<index_t>{-1})
      for (const index_t reduce : info->has_reduce ? reduces : std::vector<index_t>{-1}) {
        Case c{name, start, reduce};
        bool there = false;
        for (const Case& o : out) there = there || o == c;
        if (!there) out.push_back(std::move(c));
      }
  }
  return out;
}

}  // namespace bench
