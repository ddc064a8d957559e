// Errors: one family of exceptions and the check macros that throw them.
//
// Everything a caller can get wrong (shapes, files, arguments, sizes) is checked at the door, in
// every build, and throws a leaf of proxyv::Error. What only the library itself can get wrong is a
// PROXYV_ASSERT, active in debug builds. With exceptions disabled a failed check prints its message
// to standard error and aborts.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace proxyv::inline v0 {

/// Base of everything the library throws.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Tensors whose shapes do not fit one another.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// An argument outside its range (a token id, a start layer, a sampling temperature).
class ArgumentError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be used; the message names file, tensor or key, wanted and found.
class LoadError : public Error {
 public:
  using Error::Error;
};

/// The key/value cache has no room for the tokens asked for.
class CacheFullError : public Error {
 public:
  using Error::Error;
};

/// The engine's workspace is smaller than the work needs. Thrown before anything is computed.
class WorkspaceError : public Error {
 public:
  WorkspaceError(std::string_view where, std::size_t needed_bytes, std::size_t available_bytes)
      : Error(std::string(where) + ": workspace too small: needed " + std::to_string(needed_bytes) +
              " bytes, available " + std::to_string(available_bytes) + " bytes"),
        needed(needed_bytes),
        available(available_bytes) {}

  std::size_t needed;
  std::size_t available;
};

namespace detail {

inline void append(std::string& out, std::string_view part) { out += part; }
inline void append(std::string& out, const char* part) { out += part; }
inline void append(std::string& out, const std::string& part) { out += part; }
template <class T>
  requires std::is_arithmetic_v<T>
void append(std::string& out, T part) {
  out += std::to_string(part);
}

/// Joins texts and numbers into one message.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

template <class E>
[[noreturn]] void fail(const E& error) {
#if defined(__cpp_exceptions)
  throw error;
#else
  std::fputs(error.what(), stderr);
  std::fputc('\n', stderr);
  std::abort();
#endif
}

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: proxyv internal error: %s\n", file, line, condition);
  std::abort();
}

}  // namespace detail
}  // namespace proxyv::inline v0

/// Throws `Type` with the joined message parts unless `condition` holds.
#define PROXYV_CHECK(condition, Type, ...)                               \
  do {                                                                   \
    if (!(condition)) [[unlikely]]                                       \
      ::proxyv::detail::fail(Type(::proxyv::detail::concat(__VA_ARGS__))); \
  } while (false)

/// An invariant of the library itself; may be replaced by defining it before the first include.
#ifndef PROXYV_ASSERT
#ifdef NDEBUG
#define PROXYV_ASSERT(condition) static_cast<void>(0)
#else
#define PROXYV_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::proxyv::detail::assertion_failed(#condition, __FILE__, __LINE__))
#endif
#endif
