// CUDA calls of this program, counted and made to fail. The linker sends them through calls_test.cpp (--wrap).
#pragma once

#include <cstdint>

namespace calls {

enum class Call {
  device_alloc, device_free, host_alloc, host_free, stream_create, stream_destroy, event_create, event_destroy,
  blocked,  ///< a wait, of a stream, an event or the device, that had to wait
  launch, copy, graph_launch, graph_instantiate, graph_destroy, matmul, library_create, library_destroy,
  number
};

/// How often it was called since the program began, or failed on purpose.
std::int64_t made(Call call);
/// The call after `good` more succeeds no more, once. Negative: none fails.
void fail_after(Call call, int good);
/// Allocations of operator new, of every thread, while f runs.
std::int64_t begin_counting_new();
std::int64_t end_counting_new();
/// Allocations of operator new inside cublasLtMatmul; they are not among the counted ones.
std::int64_t library_new();

/// How often the call is made while f runs.
template <class F>
std::int64_t made_by(Call call, F&& f) {
  const std::int64_t before = made(call);
  f();
  return made(call) - before;
}

/// Fails one call while alive.
class Failing {
 public:
  explicit Failing(Call call, int good = 0) : call_(call) { fail_after(call, good); }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
  ~Failing() { fail_after(call_, -1); }

 private:
  Call call_;
};

/// Things made and not given back.
inline std::int64_t alive() {
  return made(Call::device_alloc) - made(Call::device_free) + made(Call::host_alloc) - made(Call::host_free) + made(Call::stream_create) -
         made(Call::stream_destroy) + made(Call::event_create) - made(Call::event_destroy) + made(Call::graph_instantiate) - made(Call::graph_destroy) +
         made(Call::library_create) - made(Call::library_destroy);
}

}  // namespace calls
