#include "consumer.hpp"

float second(proxyv::View<const float> x) {
  proxyv::ReferenceBackend engine(proxyv::HostOptions{});
  return squared(engine, x) + 2;
}
