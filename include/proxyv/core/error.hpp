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
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "proxyv/core/shape.hpp"

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
  [[gnu::cold]] WorkspaceError(std::string_view where, std::size_t needed_bytes, std::size_t available_bytes)
      : Error(std::string(where) + ": workspace too small: needed " + std::to_string(needed_bytes) +
              " bytes, available " + std::to_string(available_bytes) + " bytes"),
        needed(needed_bytes),
        available(available_bytes) {}

  std::size_t needed;
  std::size_t available;
};

namespace detail {

template <class T>
concept Arithmetic = std::is_arithmetic_v<T>;

/// A text, a number or a shape in a message. Texts are referred to: it lives no longer than the expression
/// that names them.
class MessagePart {
 public:
  MessagePart(std::string_view text) : kind_(Kind::text), text_(text) {}
  MessagePart(const std::string& text) : MessagePart(std::string_view(text)) {}
  MessagePart(const char* text) : kind_(Kind::terminated), terminated_(text) {}
  MessagePart(const ShapeText& shape) : kind_(Kind::shape), shape_(shape) {}
  template <Arithmetic T>
  MessagePart(T number) : kind_(Kind::real), real_(static_cast<double>(number)) {
    if constexpr (std::is_integral_v<T>) {
      kind_ = std::is_signed_v<T> ? Kind::integer : Kind::natural;
      natural_ = static_cast<unsigned long long>(number);
    }
  }

  [[gnu::cold]] void append_to(std::string& out) const {
    switch (kind_) {
      case Kind::text: out += text_; break;
      case Kind::terminated: out += terminated_; break;
      case Kind::integer: out += std::to_string(static_cast<long long>(natural_)); break;
      case Kind::natural: out += std::to_string(natural_); break;
      case Kind::real: out += std::to_string(real_); break;
      case Kind::shape: out += shape_.text(); break;
    }
  }

 private:
  enum class Kind { text, terminated, integer, natural, real, shape } kind_;
  union {
    std::string_view text_;
    const char* terminated_;
    unsigned long long natural_;
    double real_;
    ShapeText shape_;
  };
};

/// One message of all parts.
[[gnu::cold]] inline std::string joined(std::initializer_list<MessagePart> parts) {
  std::string out;
  for (const MessagePart& part : parts) part.append_to(out);
  return out;
}

/// Joins texts and numbers into one message.
template <class... Parts>
std::string concat(const Parts&... parts) {
  return joined({MessagePart(parts)...});
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

/// What a failed check calls: one function for all messages of a type, so that a check costs its caller
/// little code.
template <class E>
[[noreturn, gnu::cold, gnu::noinline]] void fail_with(std::initializer_list<MessagePart> parts) {
  fail(E(joined(parts)));
}

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: proxyv internal error: %s\n", file, line, condition);
  std::abort();
}

}  // namespace detail
}  // namespace proxyv::inline v0

/// Throws `Type` with the joined message parts unless `condition` holds.
#define PROXYV_CHECK(condition, Type, ...)              \
  do {                                                  \
    if (!(condition)) [[unlikely]]                      \
      ::proxyv::detail::fail_with<Type>({__VA_ARGS__}); \
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
