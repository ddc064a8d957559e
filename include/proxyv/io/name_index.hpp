// NameIndex: looks names up and finds duplicates, in n log n whatever the names are.
//
// It holds hashes and numbers only; the names stay where they are. Names with equal hashes are
// compared as texts, so a hostile file can make it slower but never wrong.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxyv/io/digest.hpp"

namespace proxyv::inline v0 {
namespace io {

class NameIndex {
 public:
  /// Indexes names(0) ... names(count - 1), each a std::string_view.
  /// Returns the number of a name that occurred before, or nothing when all differ.
  template <class Names>
  std::optional<std::uint32_t> build(std::uint32_t count, const Names& names) {
    slots_.clear();
    slots_.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) slots_.push_back({digest_of(names(i)), i});
    std::sort(slots_.begin(), slots_.end(), [&](const Slot& a, const Slot& b) {
      return a.hash != b.hash ? a.hash < b.hash : names(a.number) < names(b.number);
    });
    const auto twice = std::adjacent_find(slots_.begin(), slots_.end(), [&](const Slot& a, const Slot& b) {
      return a.hash == b.hash && names(a.number) == names(b.number);
    });
    if (twice == slots_.end()) return std::nullopt;
    return twice->number;
  }

  /// The number of `name`, or nothing. `names` as given to build.
  template <class Names>
  std::optional<std::uint32_t> find(std::string_view name, const Names& names) const {
    const std::uint64_t hash = digest_of(name);
    auto slot = std::lower_bound(slots_.begin(), slots_.end(), hash,
                                 [](const Slot& a, std::uint64_t wanted) { return a.hash < wanted; });
    for (; slot != slots_.end() && slot->hash == hash; ++slot) {
      if (names(slot->number) == name) return slot->number;
    }
    return std::nullopt;
  }

 private:
  struct Slot {
    std::uint64_t hash;
    std::uint32_t number;
  };
  std::vector<Slot> slots_;
};

}  // namespace io
}  // namespace proxyv::inline v0
