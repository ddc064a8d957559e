// Report: how far a file's results are from the wanted ones, and the one line that says so.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "proxyv/core/dtype.hpp"

namespace golden {

/// What counts as equal. Errors are max |found - wanted| / max |wanted| of a tensor.
struct Tolerance {
  double states = 2e-5;  ///< everything but logits
  double logits = 1e-5;
  bool tokens = true;  ///< greedy tokens must be equal

  /// Of an engine with these elements. Sanity bounds for the 16-bit types: PyTorch's own results are off by
  /// up to 4.4e-2 in bf16.
  static constexpr Tolerance of(proxyv::DType element) {
    switch (element) {
      case proxyv::DType::f32: break;
      case proxyv::DType::f16: return {8e-3, 8e-3, false};
      case proxyv::DType::bf16: return {6e-2, 6e-2, false};
    }
    return {};
  }
  /// Of results with rounded weights from those with the weights as they were.
  static constexpr Tolerance rounded() { return {1e-1, 1e-1, false}; }
};

/// max |found - wanted| / max |wanted|; infinite where a number is not finite or only zeros were wanted.
double relative_error(std::span<const float> found, std::span<const double> wanted);

/// The comparisons of one file.
class Report {
 public:
  /// Which of the ways of running a file the next comparisons belong to; told when one fails.
  void begin(std::string way) { way_ = std::move(way); }

  void close(const std::string& tensor, std::span<const float> found, std::span<const double> wanted,
             double tolerance);
  void same(const std::string& tensor, std::span<const std::int64_t> found,
            std::span<const std::int64_t> wanted);
  /// A failure that is no comparison.
  void fail(const std::string& reason);
  void skip(const std::string& reason) { skipped_ = reason; }

  bool failed() const { return failures_ > 0; }
  bool skipped() const { return !skipped_.empty(); }
  std::size_t compared() const { return checked_.size(); }
  bool checked(const std::string& tensor) const { return checked_.count(tensor) > 0; }
  /// Lines "name tensor error", one for each tensor compared: the worst of all ways.
  std::string tensor_lines(const std::string& name) const;
  /// "PASS name 3.1e-07 hidden.3", "FAIL name 3.1e-03 hidden.3 reason", "SKIP name - - reason".
  std::string line(const std::string& name) const;

 private:
  void failure(double error, double excess, const std::string& tensor, const std::string& reason);

  std::string way_;
  std::map<std::string, double> checked_;  ///< with its worst error
  std::string skipped_;
  double worst_ = 0.0;
  std::string worst_tensor_ = "-";
  int failures_ = 0;
  double failed_error_ = 0.0, failed_excess_ = -1.0;
  std::string failed_tensor_ = "-", failed_reason_;
};

}  // namespace golden
