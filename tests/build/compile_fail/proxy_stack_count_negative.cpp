// expect: proxyv: ProxyStack: the layer count must be >= 0, or proxyv::dyn
#include "proxyv/model/stack.hpp"

using namespace proxyv;

#ifdef GOOD
constexpr index_t count = 0;
#else
constexpr index_t count = -2;
#endif

int main() { return ProxyStack<count, BilinearPool, VisionUpdate>::uses_proxies ? 0 : 1; }
