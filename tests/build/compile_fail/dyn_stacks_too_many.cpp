// expect: proxyv: Decoder: with proxyv::dyn counts write Stack<dyn, ...> alone or followed by one ProxyStack<dyn, ...>
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

#ifdef GOOD
using Model = Decoder<ReferenceBackend, RuntimeConfig, Stack<dyn, DecoderLayer>, ProxyStack<dyn, BilinearPool, VisionUpdate>>;
#else
using Model = Decoder<ReferenceBackend, RuntimeConfig, Stack<1, DecoderLayer>, Stack<dyn, DecoderLayer>, ProxyStack<dyn, BilinearPool, VisionUpdate>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
