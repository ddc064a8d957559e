// expect: proxyv: Decoder: a ProxyStack must be the last stack, and the only one
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

using Proxies = ProxyStack<1, BilinearPool, VisionUpdate>;
#ifdef GOOD
using Model = Decoder<ReferenceBackend, RuntimeConfig, Stack<3, DecoderLayer>, Proxies>;
#else
using Model = Decoder<ReferenceBackend, RuntimeConfig, Stack<2, DecoderLayer>, Proxies, Proxies>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
