// The methods of the paper and those it compares with, as configurations, and rows of what they save.
#pragma once

#include <string>
#include <vector>

#include "planning.hpp"

namespace cli {

/// A method, from a start layer on where it has one.
struct Method {
  const char* key;   ///< for the command line and files
  const char* name;  ///< for people
  proxyv::StudyVariant study{};
  bool learned = false;
  proxyv::Reduction (*reduction)(const proxyv::RuntimeConfig& model, proxyv::index_t start) = nullptr;
  proxyv::index_t first_start = 0;  ///< the earliest start layer there is; -1: it has none

  /// The configuration of a model of these sizes with the method from layer `start` on.
  proxyv::RuntimeConfig on(proxyv::RuntimeConfig model, proxyv::index_t start) const;
};

/// All of them.
const std::vector<Method>& methods();
/// By key. Throws ArgumentError.
const Method& find_method(const std::string& key);

/// One line of a table.
struct SavedRow {
  std::string table;  ///< which of the paper's tables, or the model
  std::string model;
  std::string method;          ///< a key
  std::string name;            ///< and its name
  proxyv::index_t start = -1;  ///< first layer; -1: the method has none
  double baseline = 0.0;       ///< FLOPs of the plain model, as published
  Counted counted;
  double printed = -1.0;  ///< percent in the paper; < 0: not known to us

  double published() const { return 100.0 * (1.0 - counted.published / baseline); }
  double exact() const { return 100.0 * (1.0 - counted.exact / baseline); }
};

/// The paper's tables of FLOPs: backbones, attention skipped, attention and FFN skipped, token reduction.
std::vector<SavedRow> paper_rows();

/// In GFLOP, one digit behind the point, or three in all where the number is small.
std::string gflop_text(double flops);

enum class Form { text, json, csv };
/// The rows as one text. `paper`: with the printed values and the differences.
std::string show(const std::vector<SavedRow>& rows, Form form, bool paper);

}  // namespace cli
