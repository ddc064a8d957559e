// expect: proxyv: Stack: the layer count must be >= 0, or proxyv::dyn
#include "proxyv/model/stack.hpp"

using namespace proxyv;

#ifdef GOOD
constexpr index_t count = dyn;
#else
constexpr index_t count = -2;
#endif

int main() { return Stack<count, DecoderLayer>::uses_proxies ? 1 : 0; }
