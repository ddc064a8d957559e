// ProxyStream: what flows through ProxyV layers beside the residual stream.
#pragma once

#include "proxyv/layers/stream.hpp"
#include "proxyv/proxy/savings.hpp"

namespace proxyv::inline v0 {

/// The rows that query in ProxyV layers, kept together: [proxy | newline | text].
template <class B>
struct ProxyStream {
  Out<B> focus;            ///< [proxies + newlines + text, hidden] residual stream of the querying rows
  index_t proxies = 0;     ///< leading rows of focus
  Ids<B> positions;        ///< [rows of focus]
  Ids<B> key_positions{};  ///< [rows of focus] the same as keys, padding standing after everything; empty: the same
  Table<B> rotary;         ///< [rows of focus, head_dim]
  Grid grid;               ///< the crops' raster
  Out<B> vision_normed;    ///< [vision, hidden] input norm of the vision rows for the layer that comes
  bool vision_is_normed = false;  ///< whether vision_normed is already filled
  Out<B> splat;            ///< [vision, proxies per crop] learned proxies only
  bool by_blocks = false;  ///< the update spreads learned proxies over blocks, as if they were spatial
  Savings savings;
  View<const std::uint8_t, SpaceOf<B>> mask;  ///< plain attention only, see TokenLayout::proxy_layer_mask

  Ids<B> positions_as_keys() const { return key_positions.empty() ? positions : key_positions; }
  /// What the update spreads proxies by; empty: blocks.
  In<B> update_splat() const { return by_blocks ? In<B>{} : In<B>(splat); }
  Out<B> proxy_rows() const { return focus.row_range(0, proxies); }
  Out<B> rest_rows() const { return focus.row_range(proxies, focus.rows() - proxies); }
};

}  // namespace proxyv::inline v0
