#include "golden/golden_file.hpp"

#include "proxyv/core/checked.hpp"
#include "proxyv/io/json.hpp"

namespace golden {

std::string GoldenFile::text(const std::string& key) const {
  const auto found = source_->metadata(key);
  PROXYV_CHECK(found.has_value(), LoadError, io::shown_path(source_->path()),
               ": __metadata__: wanted the key ", io::in_quotes(key), ", found none");
  return std::string(*found);
}

io::JsonValue GoldenFile::json(const std::string& key) const { return io::parse_json(text(key), where(key)); }

std::vector<index_t> GoldenFile::whole_shape(const std::string& tensor) const {
  std::vector<index_t> out;
  for (const std::uint64_t n : at(tensor).shape) {
    const auto size = checked_narrow<index_t>(n);
    PROXYV_CHECK(size.has_value(), LoadError, io::shown_path(source_->path()), ": tensor ",
                 io::in_quotes(tensor), ": size ", n);
    out.push_back(*size);
  }
  return out;
}

std::vector<index_t> GoldenFile::shape(const std::string& tensor) const {
  std::vector<index_t> out = whole_shape(tensor);
  if (!slice_ || !slice_->cuts(tensor)) return out;
  const auto indices = slice_->indices(tensor, out);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<index_t>(indices[i].size());
  return out;
}

void GoldenFile::check(const std::string& tensor, const Shape& wanted) const {
  if (!slice_ || !slice_->cuts(tensor)) return io::check_shape(at(tensor), wanted);
  const std::vector<index_t> found = shape(tensor);
  const Shape sizes(found.begin(), found.end());
  PROXYV_CHECK(sizes == wanted, LoadError, io::shown_path(source_->path()), ": tensor ", io::in_quotes(tensor),
               " of row ", slice_->row, ": wanted shape ", io::shape_text(wanted), ", found ", io::shape_text(sizes));
}

std::vector<index_t> GoldenFile::shape(const std::string& tensor, std::size_t rank) const {
  std::vector<index_t> out = shape(tensor);
  PROXYV_CHECK(out.size() == rank, LoadError, io::shown_path(source_->path()), ": tensor ",
               io::in_quotes(tensor), ": wanted ", rank, " sizes, found ", out.size());
  return out;
}

std::vector<float> GoldenFile::floats(const std::string& tensor) const {
  const io::TensorEntry entry = at(tensor);
  std::vector<float> out(entry.size());
  io::copy_f32(entry, {out.data(), static_cast<index_t>(out.size())});
  return sliced(tensor, std::move(out));
}

std::vector<float> GoldenFile::floats(const std::string& tensor, const Shape& wanted) const {
  check(tensor, wanted);
  return floats(tensor);
}

std::vector<double> GoldenFile::doubles(const std::string& tensor) const {
  const io::TensorEntry entry = at(tensor);
  std::vector<double> out(entry.size());
  io::copy_f64(entry, {out.data(), static_cast<index_t>(out.size())});
  return sliced(tensor, std::move(out));
}

std::vector<double> GoldenFile::doubles(const std::string& tensor, const Shape& wanted) const {
  check(tensor, wanted);
  return doubles(tensor);
}

std::vector<std::int64_t> GoldenFile::integers(const std::string& tensor) const {
  const io::TensorEntry entry = at(tensor);
  if (entry.type == io::TensorType::u8) return sliced(tensor, as_int64(io::read_u8(entry)));
  return sliced(tensor, io::read_i64(entry));
}

std::vector<std::int64_t> GoldenFile::integers(const std::string& tensor, const Shape& wanted) const {
  check(tensor, wanted);
  return integers(tensor);
}

std::vector<std::uint8_t> GoldenFile::flags(const std::string& tensor, const Shape& wanted) const {
  check(tensor, wanted);
  return sliced(tensor, io::read_u8(at(tensor)));
}

std::vector<std::int32_t> GoldenFile::small_integers(const std::string& tensor) const {
  std::vector<std::int32_t> out;
  for (const std::int64_t value : sliced(tensor, io::read_i64(at(tensor)))) {
    const auto small = checked_narrow<std::int32_t>(value);
    PROXYV_CHECK(small.has_value(), LoadError, io::shown_path(source_->path()), ": tensor ",
                 io::in_quotes(tensor), ": wanted 32-bit numbers, found ", value);
    out.push_back(*small);
  }
  return out;
}

}  // namespace golden
