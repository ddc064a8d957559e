// expect: proxyv: Decoder: name at least one Stack
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

#ifdef GOOD
using Model = Decoder<ReferenceBackend, presets::Tiny, Stack<4, DecoderLayer>>;
#else
using Model = Decoder<ReferenceBackend, presets::Tiny>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
