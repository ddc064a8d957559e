// SafetensorsFile: one safetensors file, mapped, its header checked; tensors are used in place.
//
// Checkpoints of several files are Checkpoint's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxyv/core/error.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/io/mmap.hpp"
#include "proxyv/io/quote.hpp"
#include "proxyv/io/safetensors_header.hpp"
#include "proxyv/io/tensor_entry.hpp"

namespace proxyv::inline v0 {
namespace io {

inline constexpr std::uint64_t safetensors_max_header = 100'000'000;

/// Layout: 8 bytes little-endian header length, the header (JSON), the data. Everything in the header is
/// checked before anything is used. Move-only; entries stay good when the object is moved.
class SafetensorsFile {
 public:
  /// Throws LoadError naming file, tensor, wanted and found. Reads the header, not the data.
  explicit SafetensorsFile(std::string path, FileAccess access = FileAccess::map)
      : SafetensorsFile(MappedFile(std::move(path), access)) {}

  const std::string& path() const { return state_->file.path(); }
  /// Number of tensors.
  std::size_t size() const { return state_->header.size(); }
  /// The i-th tensor in the order of the data.
  TensorEntry entry(std::size_t i) const {
    const SafetensorsHeader& header = state_->header;
    PROXYV_CHECK(i < header.size(), ArgumentError, "SafetensorsFile: tensor ", i, " of ", header.size());
    const auto begin = static_cast<std::size_t>(header.begin(i));
    return {state_->file.path(), header.name(i),         header.type(i),
            header.shape(i),     state_->data() + begin, static_cast<std::size_t>(header.end(i)) - begin};
  }

  std::optional<TensorEntry> find(std::string_view name) const {
    const auto i = state_->header.find(name);
    if (!i) return std::nullopt;
    return entry(*i);
  }
  /// The tensor of that name. Throws LoadError when there is none.
  TensorEntry at(std::string_view name) const {
    const auto found = find(name);
    PROXYV_CHECK(found.has_value(), LoadError, shown_path(path()), ": tensor ", in_quotes(name),
                 ": wanted it, found no tensor of that name");
    return *found;
  }
  /// at() and as_weight() in one.
  Weight<> weight(std::string_view name, index_t rows, index_t cols) const {
    return as_weight(at(name), rows, cols);
  }

  /// Gives back the memory that a mapped tensor takes, for one that was copied; it can still be read.
  void forget(const TensorEntry& entry) const { state_->file.forget(entry.data, entry.bytes); }

  /// The text under that key of __metadata__, or nothing.
  std::optional<std::string_view> metadata(std::string_view key) const {
    return state_->header.metadata(key);
  }
  /// The checked header itself.
  const SafetensorsHeader& header() const { return state_->header; }

 private:
  struct State {
    MappedFile file;
    std::size_t data_begin;
    SafetensorsHeader header;

    const std::byte* data() const { return file.data() + data_begin; }
  };

  explicit SafetensorsFile(MappedFile file) {
    const std::string_view text = header_text(file);
    const std::size_t begin = 8 + text.size();
    SafetensorsHeader header(text, file.size() - begin, file.path());
    state_ = std::make_unique<const State>(State{std::move(file), begin, std::move(header)});
  }

  static std::string_view header_text(const MappedFile& file) {
    const std::string shown = shown_path(file.path());
    PROXYV_CHECK(file.size() >= 8, LoadError, shown, ": header length: wanted 8 bytes, found a file of ",
                 file.size());
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), 8);
    PROXYV_CHECK(length <= safetensors_max_header, LoadError, shown, ": header length: wanted at most ",
                 safetensors_max_header, ", found ", length);
    PROXYV_CHECK(length <= file.size() - 8, LoadError, shown, ": header length: wanted at most ",
                 file.size() - 8, " (the file has ", file.size(), " bytes), found ", length);
    return {reinterpret_cast<const char*>(file.data()) + 8, static_cast<std::size_t>(length)};
  }

  std::unique_ptr<const State> state_;
};

}  // namespace io
}  // namespace proxyv::inline v0
