// An engine of any type, made from what every program of ours knows of it.
#pragma once

#include <concepts>
#include <cstddef>

#include "proxyv/backend/types.hpp"

namespace cli {

/// threads: of engines in the host's memory; others have none.
template <class B>
B make_engine(int threads, std::size_t workspace_bytes = 0) {
  if constexpr (std::same_as<proxyv::SpaceOf<B>, proxyv::HostSpace>) {
    return B({.threads = threads, .workspace_bytes = workspace_bytes});
  } else {
    return B({.workspace_bytes = workspace_bytes});
  }
}

}  // namespace cli
