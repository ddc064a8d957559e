// expect: proxyv: Decoder: spatial proxies (BilinearPool) stand for blocks of a whole crop
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/reduce/drop_stack.hpp"

using namespace proxyv;

struct Config : presets::Tiny {
  static constexpr bool learned_proxies = true;
  static constexpr Reduction reduction{.drops = DropSchedule::fast_v(2, 0.5)};
};
#ifdef GOOD
using Model = Decoder<ReferenceBackend, Config, DropStack<2>, ProxyStack<2, LearnedPool, SplatUpdate>>;
#else
using Model = Decoder<ReferenceBackend, Config, DropStack<2>, ProxyStack<2, BilinearPool, VisionUpdate>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
