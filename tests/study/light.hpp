// A light MLP's weights, for the tests of this folder.
#pragma once

#include "proxyv/study/light_mlp.hpp"
#include "study/world.hpp"

namespace studies {

struct Light {
  Matrix input = small::noise(3, hidden, 30), mix = small::noise(3, 3, 31), out = small::noise(hidden, 3, 32);

  LightMlp<R> make() const { return LightMlp<R>({input.weight(), mix.weight(), out.weight(), {}}, 1e-5f); }
  LightMlp<R> folded(R& be) const {
    LightMlp<R> light = make();
    light.fold(be);
    return light;
  }
};

}  // namespace studies
