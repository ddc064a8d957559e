// expect: no ProxyStack beside them
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/study_stacks.hpp"

using namespace proxyv;

using Proxies = ProxyStack<2, BilinearPool, VisionUpdate>;
#ifdef GOOD
using Model = Decoder<ReferenceBackend, RuntimeConfig, VisionMaskStack<2>, Proxies>;
#else
using Model = Decoder<ReferenceBackend, RuntimeConfig, LightMlpStack<2>, Proxies>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
