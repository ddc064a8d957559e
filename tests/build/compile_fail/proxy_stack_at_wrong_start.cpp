// expect: proxyv: Decoder: the ProxyStack must begin at layer Cfg::proxy_start
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

// Tiny has four layers, ProxyV from the third on.
#ifdef GOOD
using Model = Decoder<ReferenceBackend, presets::Tiny, Stack<1, DecoderLayer>, Stack<1, DecoderLayer>, ProxyStack<2, BilinearPool, VisionUpdate>>;
#else
using Model = Decoder<ReferenceBackend, presets::Tiny, Stack<1, DecoderLayer>, ProxyStack<3, BilinearPool, VisionUpdate>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
