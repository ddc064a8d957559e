// Dropping vision rows from the stream between two layers, on the engine, without a word from the host.
#pragma once

#include "proxyv/reduce/ranking.hpp"

namespace proxyv::inline v0 {
namespace reduce {

/// Where the proxies of renumbered tokens sit: 0, 1, 2, ... from where their image now begins. each: tokens
/// kept per crop. Host arithmetic; to [proxies] out.
template <class B, class E>
void renumber_proxies(E& be, const TokenLayout& layout, index_t each, OutIds<B> to) {
  const auto old = layout.focus_positions();
  const index_t per_crop = layout.crop_shape().proxies;
  index_t begin = 0;
  while (begin < layout.proxies()) {
    index_t end = begin + 1;
    while (end < layout.proxies() && old[end] == old[end - 1] + 1) ++end;
    index_t start = begin / per_crop * each;
    for (index_t i = layout.proxies(); i < old.size(); ++i) start += old[i] < old[begin] ? 1 : 0;
    upload_consecutive<B>(be, start, to.part(begin, end - begin));
    begin = end;
  }
}

/// The rows that stay move together: kept [count.all()] vision rows, then newlines and text. Positions stay,
/// or are numbered anew from 0 in reading order. Layers from `layer` on then hold fewer cache rows. Cost: two
/// copies of the rows that stay, and their rotary table.
template <class B, class E>
  requires RankOps<E> && GatherOps<E> && RotaryOps<E>
void drop_rows(E& be, index_t layer, Ids<B> kept, const KeepCount& count, bool renumber, Stream<B>& s,
               detail::PrefillFrame<B>& f) {
  const index_t vision = s.vision, rest = s.rows() - vision, rows = count.all() + rest,
                gone = vision - count.all();
  {
    auto frame = be.frame();
    auto x = frame.matrix(rows, s.x.cols());
    be.gather(s.x.row_range(0, vision), kept, x.row_range(0, count.all()));
    be.copy(s.x.row_range(vision, rest), x.row_range(count.all(), rest));
    s.x = s.x.row_range(0, rows);
    be.copy(x, s.x);
    auto ids = frame.template span<std::int32_t>(rows);
    const auto own = s.cache->positions(0, rows);
    be.pick(s.positions.part(0, vision), kept, ids.part(0, count.all()));
    be.copy(s.positions.part(vision, rest), ids.part(count.all(), rest));
    if (renumber) {
      be.renumber(ids, own);
    } else {
      be.copy(Ids<B>(ids), own);
    }
    s.positions = own;
    if (f.dropped > 0) {
      be.pick(f.alive.part(0, vision), kept, ids.part(0, count.all()));
      be.copy(Ids<B>(ids.part(0, count.all())), f.alive.part(0, count.all()));
    } else {
      be.copy(kept, f.alive.part(0, count.all()));
    }
  }
  s.vision = count.all();
  s.rotary = s.rotary.row_range(0, rows);
  be.rotary_table(s.positions, s.rope, s.rotary);
  f.dropped += gone;
  f.wanted.begin -= gone;
  f.grid.tokens = count.each;
  const index_t proxies = f.layout->proxies();
  if (renumber && proxies > 0) {
    renumber_proxies<B>(be, *f.layout, count.each, f.focus_positions.part(0, proxies));
    be.copy(s.positions.part(s.vision, rest), f.focus_positions.part(proxies, rest));
  }
  s.cache->shorten(layer, f.dropped, renumber ? f.layout->next_position() - rows : 0);
}

}  // namespace reduce
}  // namespace proxyv::inline v0
