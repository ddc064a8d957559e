// A program on the oneDNN engine.
#include <proxyv/onednn.hpp>

#include "../consumer.hpp"

int main() {
  const float data[3] = {1, 2, 3};
  proxyv::OneDnnBackend engine(proxyv::HostOptions{});
  return squared(engine, {data, 1, 3}) == 14 && engine.primitives() == 1 ? 0 : 1;
}
