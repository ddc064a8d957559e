// The bodies of all that ops.hpp declares.
#pragma once

#include "proxyv/eigen/attention.hpp"
#include "proxyv/eigen/attention_weights.hpp"
#include "proxyv/eigen/gate.hpp"
#include "proxyv/eigen/gather.hpp"
#include "proxyv/eigen/levels.hpp"
#include "proxyv/eigen/norm.hpp"
#include "proxyv/eigen/products.hpp"
#include "proxyv/eigen/proxy.hpp"
#include "proxyv/eigen/rope.hpp"
#include "proxyv/eigen/softmax.hpp"

namespace proxyv::inline v0 {
namespace detail {

template <class DefinedIn>
void CpuOps<DefinedIn>::start_threads(const Team& team) {
  if (!team.pool) parallel_for(team, team.threads, [](index_t, int) {});
}

}  // namespace detail
}  // namespace proxyv::inline v0
