// Checkpoint: all tensors of a model, whether in one safetensors file or in shards with an index.
//
// What the tensors mean is the model's business; names and shapes are checked there.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxyv/core/error.hpp"
#include "proxyv/core/view.hpp"
#include "proxyv/io/digest.hpp"
#include "proxyv/io/json.hpp"
#include "proxyv/io/json_fields.hpp"
#include "proxyv/io/name_index.hpp"
#include "proxyv/io/quote.hpp"
#include "proxyv/io/safetensors.hpp"

namespace proxyv::inline v0 {
namespace io {

inline constexpr const char* single_file_name = "model.safetensors";
inline constexpr const char* index_file_name = "model.safetensors.index.json";
inline constexpr std::size_t index_max_bytes = 100'000'000;

namespace detail {

inline bool path_exists(const std::string& path) {
  struct stat info {};
  return path.find('\0') == std::string::npos && ::stat(path.c_str(), &info) == 0;
}

inline bool is_folder(const std::string& path) {
  struct stat info {};
  return path.find('\0') == std::string::npos && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

inline std::string join_path(const std::string& folder, std::string_view name) {
  std::string out = folder;
  if (!out.empty() && out.back() != '/') out += '/';
  return out.append(name);
}

inline std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// A name that cannot leave the folder it is joined to. What it links to on disk is the owner's affair.
inline bool is_plain_file_name(std::string_view name) {
  const bool separators = name.find_first_of(std::string_view("/\\\0", 3)) != std::string_view::npos;
  return !name.empty() && !separators && name != "." && name != "..";
}

}  // namespace detail

/// Every tensor of a checkpoint under one lookup. Move-only; entries stay good when it is moved.
class Checkpoint {
  auto name_of() const {
    return [this](std::uint32_t i) { return entries_[i].name; };
  }

 public:
  /// `path` is a folder with model.safetensors or model.safetensors.index.json, or one safetensors file.
  /// Every header is checked here; no weights are read. Throws LoadError for whatever does not fit:
  /// shard names that are no plain file names, tensors that the index puts elsewhere or forgets.
  explicit Checkpoint(const std::string& path, FileAccess access = FileAccess::map) {
    if (!detail::is_folder(path)) {
      folder_ = detail::folder_of(path);
      add_file(path, access);
    } else {
      folder_ = path;
      open_folder(access);
    }
    if (files_.size() == 1) return;  // the file has its own lookup
    // An index file of bounded length lists them all, so 32 bits hold their number.
    const auto count = static_cast<std::uint32_t>(entries_.size());
    [[maybe_unused]] const auto twice = names_.build(count, name_of());
    PROXYV_ASSERT(!twice);  // headers and index have seen to it
  }

  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;

  /// Where config.json and the tokenizer lie.
  const std::string& folder() const { return folder_; }
  /// The files, as opened.
  const std::vector<std::unique_ptr<SafetensorsFile>>& files() const { return files_; }
  /// All tensors, file by file in the order of their data.
  const std::vector<TensorEntry>& tensors() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  /// Bytes of all tensors.
  std::uint64_t total_bytes() const {
    return std::accumulate(entries_.begin(), entries_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const TensorEntry& entry) { return sum + entry.bytes; });
  }

  std::optional<TensorEntry> find(std::string_view name) const {
    if (files_.size() == 1) return files_[0]->find(name);
    const auto i = names_.find(name, name_of());
    if (!i) return std::nullopt;
    return entries_[*i];
  }
  bool contains(std::string_view name) const { return find(name).has_value(); }
  /// The tensor of that name. Throws LoadError when there is none.
  TensorEntry at(std::string_view name) const {
    const auto found = find(name);
    PROXYV_CHECK(found.has_value(), LoadError, shown(), ": tensor ", in_quotes(name),
                 ": wanted it, found no tensor of that name");
    return *found;
  }
  /// at() and as_weight() in one: F32, F16 or BF16 in place.
  Weight<> weight(std::string_view name, index_t rows, index_t cols) const {
    return as_weight(at(name), rows, cols);
  }

  /// Gives back the memory that a mapped tensor takes, for one that was copied; it can still be read.
  void forget(const TensorEntry& entry) const {
    for (const auto& file : files_) file->forget(entry);
  }

  /// A fingerprint of all weights (see Digest): for each tensor, sorted by name, its name, type name,
  /// number of sizes, sizes and bytes. The same however the tensors are sharded or ordered.
  /// Cost: reads every byte once, above 1 GB/s.
  std::uint64_t digest() const {
    std::vector<const TensorEntry*> order;
    order.reserve(entries_.size());
    for (const TensorEntry& entry : entries_) order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
    Digest digest;
    digest.add(std::uint64_t{order.size()});
    for (const TensorEntry* entry : order) {
      digest.add(entry->name);
      digest.add(tensor_type_name(entry->type));
      digest.add(std::uint64_t{entry->shape.size()});
      for (const std::uint64_t n : entry->shape) digest.add(n);
      digest.add(entry->data, entry->bytes);
    }
    return digest.value();
  }

 private:
  std::string shown() const {
    return files_.size() == 1 ? shown_path(files_[0]->path()) : shown_path(folder_);
  }

  void open_folder(FileAccess access) {
    const std::string single = detail::join_path(folder_, single_file_name);
    const std::string index = detail::join_path(folder_, index_file_name);
    if (detail::path_exists(single)) {
      add_file(single, access);
      return;
    }
    PROXYV_CHECK(detail::path_exists(index), LoadError, shown_path(folder_), ": wanted ", single_file_name,
                 " or ", index_file_name, ", found neither");
    open_shards(index, access);
  }

  const SafetensorsFile& add_file(const std::string& path, FileAccess access) {
    files_.push_back(std::make_unique<SafetensorsFile>(path, access));
    const SafetensorsFile& file = *files_.back();
    for (std::size_t i = 0; i < file.size(); ++i) entries_.push_back(file.entry(i));
    return file;
  }

  void open_shards(const std::string& index, FileAccess access) {
    const JsonValue json = read_json(index, index_max_bytes);
    const JsonFields fields(json, index);
    const JsonValue& map = fields.require("weight_map", "an object");
    if (map.object() == nullptr) refuse(fields.place("weight_map"), "an object", map.describe());
    const JsonFields place_of(map, index, "weight_map.");

    std::map<std::string, const SafetensorsFile*, std::less<>> shards;
    for (const auto& [name, value] : *map.object()) {
      const JsonPlace place = place_of.place(in_quotes(name));
      const std::string& shard = as_text(value, place);
      if (!detail::is_plain_file_name(shard)) refuse(place, "a plain file name", in_quotes(shard));
      shards.try_emplace(shard, nullptr);
    }
    for (auto& [shard, file] : shards) file = &add_file(detail::join_path(folder_, shard), access);
    for (const auto& [name, value] : *map.object()) {
      const auto shard = shards.find(*value.text());
      PROXYV_CHECK(shard->second->find(name).has_value(), LoadError, shown_path(index), ": weight_map.",
                   in_quotes(name), ": wanted it in ", in_quotes(shard->first),
                   ", found no tensor of that name there");
    }
    for (const TensorEntry& entry : entries_) check_listed(entry, map, index);
  }

  static void check_listed(const TensorEntry& entry, const JsonValue& map, const std::string& index) {
    const JsonValue* listed = map.find(entry.name);
    PROXYV_CHECK(listed != nullptr, LoadError, detail::where(entry),
                 ": wanted it in the index, found nothing in ", shown_path(index));
    const std::string_view path = entry.file;
    const std::string_view shard = path.substr(path.rfind('/') + 1);
    PROXYV_CHECK(*listed->text() == shard, LoadError, detail::where(entry),
                 ": wanted it in one shard, found it in ", in_quotes(*listed->text()), " too");
  }

  std::string folder_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<TensorEntry> entries_;
  NameIndex names_;
};

}  // namespace io
}  // namespace proxyv::inline v0
