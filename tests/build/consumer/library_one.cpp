#include "consumer.hpp"

float library_one(proxyv::View<const float> x) {
  proxyv::ReferenceBackend engine(proxyv::HostOptions{});
  return squared(engine, x) + 10;
}
