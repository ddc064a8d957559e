// Products: which of the engine's ways a product takes.
#pragma once

#include "proxyv/eigen/gemv.hpp"
#include "proxyv/eigen/ops.hpp"

namespace proxyv::inline v0 {
namespace detail {

template <class DefinedIn>
void CpuOps<DefinedIn>::gemm(In x, const Weight<>& w, Out y, const Epilogue<float, HostSpace>& e,
                             const Scratch* scratch, Team team) {
  const CpuKernels& k = *scratch->kernels;
  const float* bias = e.bias.empty() ? nullptr : e.bias.data();
  if (w.packed() && x.rows() == 1) {
    detail::gemv_packed(k, x.data(), w, y.data(), e.beta, bias, e.act, team);
  } else if (!w.packed() && x.rows() <= gemv_rows) {
    detail::gemv(k, x.data(), x.stride(), x.rows(), w, y.data(), y.stride(), e.beta, bias, e.act, team);
  } else {
    detail::gemm(x.data(), x.stride(), x.rows(), x.cols(), Operand::weight(w), y.data(), y.stride(), y.cols(),
                 e.beta, bias, e.act, scratch, team);
  }
}

template <class DefinedIn>
void CpuOps<DefinedIn>::product(In x, In z, Out y, float beta, const Scratch* scratch, Team team) {
  detail::gemm(x.data(), x.stride(), x.rows(), x.cols(), Operand::plain(z.data(), z.stride()), y.data(),
               y.stride(), y.cols(), beta, nullptr, Act::none, scratch, team);
}

/// Writes `packed`, which lies at `to`, from the rows of w.
template <class DefinedIn>
void CpuOps<DefinedIn>::pack_weight(const CpuKernels& k, const Weight<>& w, const Weight<>& packed,
                                    std::byte* to, Team team) {
  if (w.cols() == 0) return;
  const index_t panel = packed.panel(), panels = (w.rows() + panel - 1) / panel;
  const index_t bytes = panel * packed.stored_cols() * static_cast<index_t>(dtype_size(w.type()));
  parallel_for(team, panels, [&](index_t i, int) {
    k.pack_weight_panel(Operand::weight(w), i * panel, std::min(panel, w.rows() - i * panel), 0, w.cols(),
                        to + i * bytes);
  });
}

}  // namespace detail
}  // namespace proxyv::inline v0
