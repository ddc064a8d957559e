// expect: proxyv: Decoder: spatial proxies (BilinearPool) stand for blocks of a whole crop
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/presets.hpp"

using namespace proxyv;

struct Config : presets::Tiny {
  static constexpr Reduction reduction{.zip = {40, 9, ZipLayout::crop_major}};
};
#ifdef GOOD
using Model =
    Decoder<ReferenceBackend, Config, Stack<2, DecoderLayer>, ProxyStack<2, LearnedPool, SplatUpdate>>;
#else
using Model =
    Decoder<ReferenceBackend, Config, Stack<2, DecoderLayer>, ProxyStack<2, BilinearPool, VisionUpdate>>;
#endif

int main() { return static_cast<int>(sizeof(Model)) == 0; }
