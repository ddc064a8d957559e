// Threads of the caller's own, for engines on the host.
#pragma once

#include <concepts>
#include <memory>

namespace proxyv::inline v0 {

/// How an engine borrows threads. It splits an op into at most HostOptions::threads parts and hands them
/// over.
///
/// One function is enough: the part's number says which scratch to use, so the engine never asks which thread
/// it runs on, and the parts deal the work among themselves, so it matters neither how many run at the same
/// time nor in which order. A pool that is busy may run them one after the other on the calling thread.
struct HostPool {
  using Part = void (*)(void* work, int number);

  /// Calls part(work, i) once for each i in [0, parts) and returns when all have returned. What a part wrote
  /// must be visible then. Parts do not throw, do not wait for each other and never call run.
  void (*run)(void* pool, int parts, Part part, void* work) = nullptr;
  void* pool = nullptr;  ///< handed to run; must outlive the engine

  explicit operator bool() const { return run != nullptr; }
};

/// What host_pool() makes a HostPool of: pool.run(parts, f) calls f(i) for each i in [0, parts) and then
/// returns.
template <class P>
concept RunsParts = requires(P& pool, void (&f)(int)) {
  pool.run(2, f);
};

/// The caller's pool as an engine takes it: `EigenBackend be({.threads = 8, .pool = host_pool(mine)})`.
/// Borrows `pool`. Allocates nothing, unless pool.run does.
template <RunsParts P>
HostPool host_pool(P& pool) {
  const auto run = [](void* mine, int parts, HostPool::Part part, void* work) {
    const auto f = [part, work](int i) { part(work, i); };
    static_cast<P*>(mine)->run(parts, f);
  };
  return {run, std::addressof(pool)};
}

}  // namespace proxyv::inline v0
