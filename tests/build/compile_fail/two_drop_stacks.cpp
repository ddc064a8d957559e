// expect: proxyv: Decoder: one DropStack holds all drops of Cfg::reduction; name it once
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"
#include "proxyv/reduce/drop_stack.hpp"

using namespace proxyv;

struct Config : presets::Tiny {
  static constexpr bool learned_proxies = true;
  static constexpr Reduction reduction{.drops = DropSchedule::fast_v(2, 0.5)};
};
#ifdef GOOD
using Model = Decoder<ReferenceBackend, Config, DropStack<2>, Stack<2, DecoderLayer>>;
#else
using Model = Decoder<ReferenceBackend, Config, DropStack<2>, DropStack<2>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
