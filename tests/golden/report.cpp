#include "golden/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace golden {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

std::string number_text(double x) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1e", x);
  return text.data();
}

}  // namespace

double relative_error(std::span<const float> found, std::span<const double> wanted) {
  double distance = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double off = std::abs(double{found[i]} - wanted[i]);
    if (!(off < infinite)) return infinite;
    distance = std::max(distance, off);
    scale = std::max(scale, std::abs(wanted[i]));
  }
  if (distance == 0.0) return 0.0;
  return scale > 0.0 ? distance / scale : infinite;
}

void Report::close(const std::string& tensor, std::span<const float> found, std::span<const double> wanted,
                   double tolerance) {
  double& worst_of_tensor = checked_[tensor];
  if (found.size() != wanted.size()) {
    worst_of_tensor = infinite;
    return failure(
        infinite, infinite, tensor,
        "wanted " + std::to_string(wanted.size()) + " elements, found " + std::to_string(found.size()));
  }
  const double error = relative_error(found, wanted);
  worst_of_tensor = std::max(worst_of_tensor, error);
  if (error > worst_ || worst_tensor_ == "-") {
    worst_ = error;
    worst_tensor_ = tensor;
  }
  if (!(error <= tolerance)) failure(error, error / tolerance, tensor, "above " + number_text(tolerance));
}

void Report::same(const std::string& tensor, std::span<const std::int64_t> found,
                  std::span<const std::int64_t> wanted) {
  double& worst_of_tensor = checked_[tensor];
  if (worst_tensor_ == "-") worst_tensor_ = tensor;
  const auto [a, b] = std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end());
  if (a == found.end() && b == wanted.end()) return;
  worst_of_tensor = infinite;
  const auto show = [](auto at, auto end) {
    return at == end ? std::string("nothing") : std::to_string(*at);
  };
  failure(infinite, infinite, tensor,
          "element " + std::to_string(b - wanted.begin()) + ": wanted " + show(b, wanted.end()) + ", found " +
              show(a, found.end()));
}

void Report::fail(const std::string& reason) {
  way_.clear();
  failure(infinite, infinite, "-", reason);
}

void Report::failure(double error, double excess, const std::string& tensor, const std::string& reason) {
  ++failures_;
  if (excess <= failed_excess_) return;
  failed_excess_ = excess;
  failed_error_ = error;
  failed_tensor_ = tensor;
  failed_reason_ = way_.empty() ? reason : reason + " (" + way_ + ")";
}

std::string Report::line(const std::string& name) const {
  if (failures_ > 0) {
    const std::string error = failed_tensor_ == "-" ? "-" : number_text(failed_error_);
    const std::string more = failures_ > 1 ? "; " + std::to_string(failures_ - 1) + " more" : "";
    return "FAIL " + name + " " + error + " " + failed_tensor_ + " " + failed_reason_ + more;
  }
  if (!skipped_.empty()) return "SKIP " + name + " - - " + skipped_;
  return "PASS " + name + " " + number_text(worst_) + " " + worst_tensor_;
}

std::string Report::tensor_lines(const std::string& name) const {
  std::string lines;
  for (const auto& [tensor, error] : checked_) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.4e", error);
    lines += name + " " + tensor + " " + text.data() + "\n";
  }
  return lines;
}

}  // namespace golden
