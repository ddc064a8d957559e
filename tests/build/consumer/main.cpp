// A program of two sources and up to two shared libraries, all with the umbrella header.
#include <cstdio>
#include <cstring>

#include "consumer.hpp"

namespace {

bool check(const char* what, float wanted, float found) {
  if (wanted == found) return true;
  std::printf("%s: wanted %g, found %g\n", what, static_cast<double>(wanted), static_cast<double>(found));
  return false;
}

bool throws_shape_error(proxyv::View<const float> x) {
  try {
    static_cast<void>(library_two(x));
  } catch (const proxyv::ShapeError& error) {
    return std::strcmp(error.what(), "View: columns 1+2 of [1, 2]") == 0;
  }
  return false;
}

}  // namespace

int main() {
  const float data[3] = {1, 2, 3};
  const proxyv::View<const float> x(data, 1, 3);
  proxyv::ReferenceBackend engine(proxyv::HostOptions{});

  bool good = check("main", 14, squared(engine, x));
  good = check("second", 16, second(x)) && good;
  good = check("library one", 24, library_one(x)) && good;
  good = check("library two", 33, library_two(x)) && good;
  if (!throws_shape_error(x.col_range(0, 2))) {
    std::puts("the error of a shared library was not caught by its type, or has another text");
    good = false;
  }
  std::printf("proxyv %s: %s\n", PROXYV_VERSION, good ? "good" : "bad");
  return good ? 0 : 1;
}
