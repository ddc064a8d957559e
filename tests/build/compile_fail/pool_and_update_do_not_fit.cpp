// expect: proxyv: ProxyStack: pool and update do not fit: BilinearPool goes with VisionUpdate, LearnedPool with SplatUpdate
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

#ifdef GOOD
using Proxies = ProxyStack<2, LearnedPool, SplatUpdate>;
#else
using Proxies = ProxyStack<2, BilinearPool, SplatUpdate>;
#endif
using Model = Decoder<ReferenceBackend, RuntimeConfig, Stack<2, DecoderLayer>, Proxies>;

int main() { return static_cast<int>(sizeof(Model)) == 0; }
