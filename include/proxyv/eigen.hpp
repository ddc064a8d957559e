// The library with its CPU engine.
#pragma once

#include "proxyv/eigen/backend.hpp"
#include "proxyv/proxyv.hpp"
