// expect: proxyv: Buffer: elements must be trivially copyable
#include <string>

#include "proxyv/core/buffer.hpp"

#ifdef GOOD
using Element = float;
#else
using Element = std::string;
#endif

int main() { return static_cast<int>(proxyv::Buffer<Element>().size()); }
