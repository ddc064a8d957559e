// The library with its oneDNN engine: the CPU engine, products by oneDNN. Needs oneDNN 2.6 or a later 2.x.
#pragma once

#include "proxyv/eigen.hpp"
#include "proxyv/onednn/backend.hpp"
