// A program on the CPU engine.
#include <proxyv/eigen.hpp>

#include "consumer.hpp"

int main() {
  const float data[3] = {1, 2, 3};
  proxyv::EigenBackend engine(proxyv::HostOptions{});
  return squared(engine, {data, 1, 3}) == 14 ? 0 : 1;
}
