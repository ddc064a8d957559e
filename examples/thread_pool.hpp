// A pool of threads as a program may have one of its own: what docs/use.md hands to an engine.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

/// Waiting threads sleep; nothing spins and run() allocates nothing. run() is called by one thread at a time.
class ThreadPool {
 public:
  /// The thread that calls run() works too, so `threads` - 1 are started.
  explicit ThreadPool(int threads) {
    for (int i = 1; i < threads; ++i) helpers_.emplace_back([this] { help(); });
  }
  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
  }

  /// Calls f(i) once for each i in [0, parts), and returns when all have returned.
  template <class F>
  void run(int parts, const F& f) {
    std::unique_lock lock(mutex_);
    work_ = &f;
    call_ = [](const void* work, int i) { (*static_cast<const F*>(work))(i); };
    parts_ = open_ = parts;
    next_ = 0;
    wake_.notify_all();
    while (next_ < parts_) one_part(lock);
    done_.wait(lock, [this] { return open_ == 0; });
  }

 private:
  void help() {
    std::unique_lock lock(mutex_);
    while (!closed_) {
      if (next_ < parts_) one_part(lock);
      else wake_.wait(lock);
    }
  }
  void one_part(std::unique_lock<std::mutex>& lock) {
    const int i = next_++;
    lock.unlock();
    call_(work_, i);
    lock.lock();
    if (--open_ == 0) done_.notify_one();
  }

  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const void* work_ = nullptr;
  void (*call_)(const void* work, int i) = nullptr;
  int parts_ = 0, next_ = 0, open_ = 0;
  bool closed_ = false;
};
