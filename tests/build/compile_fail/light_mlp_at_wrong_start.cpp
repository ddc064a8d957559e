// expect: proxyv: Decoder: the stack with a light MLP must begin at layer Cfg::proxy_start
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/model/study_stacks.hpp"

using namespace proxyv;

// Tiny has four layers and begins with the third.
#ifdef GOOD
using Model = Decoder<ReferenceBackend, presets::Tiny, Stack<2, DecoderLayer>, LightMlpStack<2>>;
#else
using Model = Decoder<ReferenceBackend, presets::Tiny, Stack<1, DecoderLayer>, LightMlpStack<3>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
