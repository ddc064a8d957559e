// expect: proxyv: LoadVisitor: the engine's memory is not the host's, and it has no upload_weight
#include "proxyv/backend/reference.hpp"
#include "proxyv/model/load.hpp"

using namespace proxyv;

struct FarSpace {};
struct Far {
  using element = float;
  using space = FarSpace;
};
struct Source {
  io::TensorEntry at(const std::string&) const { return {}; }
};

#ifdef GOOD
using Engine = ReferenceBackend;
#else
using Engine = Far;
#endif

int main() { return static_cast<int>(sizeof(LoadVisitor<Engine, Source>)) == 0; }
