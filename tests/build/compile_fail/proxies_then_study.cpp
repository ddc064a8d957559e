// expect: proxyv: Decoder: a ProxyStack must be the last stack, and the only one
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/study_stacks.hpp"

using namespace proxyv;

using Proxies = ProxyStack<2, BilinearPool, VisionUpdate>;
#ifdef GOOD
using Model = Decoder<ReferenceBackend, RuntimeConfig, AttentionSkipStack<2>, Proxies>;
#else
using Model = Decoder<ReferenceBackend, RuntimeConfig, Proxies, AttentionSkipStack<2>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
