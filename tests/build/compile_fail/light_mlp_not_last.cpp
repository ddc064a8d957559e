// expect: proxyv: Decoder: layers with a light MLP must be the last stack
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/study_stacks.hpp"

using namespace proxyv;

#ifdef GOOD
using Model = Decoder<ReferenceBackend, RuntimeConfig, Stack<2, DecoderLayer>, LightMlpStack<2>>;
#else
using Model = Decoder<ReferenceBackend, RuntimeConfig, LightMlpStack<2>, Stack<2, DecoderLayer>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
