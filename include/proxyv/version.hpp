// The version of the library; CMake and the package files read it from here.
#pragma once

#define PROXYV_VERSION_MAJOR 0
#define PROXYV_VERSION_MINOR 1
#define PROXYV_VERSION_PATCH 0
#define PROXYV_VERSION "0.1.0"
