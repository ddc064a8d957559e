// expect: proxyv: Decoder: a ProxyStack must be the last stack, and the only one
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

#ifdef GOOD
using Model = Decoder<ReferenceBackend, presets::Tiny, Stack<2, DecoderLayer>, ProxyStack<2, BilinearPool, VisionUpdate>>;
#else
using Model = Decoder<ReferenceBackend, presets::Tiny, ProxyStack<2, BilinearPool, VisionUpdate>, Stack<2, DecoderLayer>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
