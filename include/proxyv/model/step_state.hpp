// StepState: where a generation stands, in the engine's memory, so that one recorded step serves every token.
#pragma once

#include <cstdint>

#include "proxyv/backend/fused.hpp"
#include "proxyv/layers/kv_cache.hpp"

namespace proxyv::inline v0 {

/// The counters of one conversation. A step reads the token, writes its keys and values to the row, and
/// leaves the next token here and every counter one further. Models that drop tokens between layers count each
/// run of layers, a stage, by itself.
template <class B>
class StepState {
 public:
  static constexpr index_t max_stages = KvCache<B>::max_shortenings + 1;

  /// Start-up: allocates two numbers, and three per stage.
  template <class E>
    requires Storage<E> && SameTensorsAs<E, B>
  explicit StepState(E& be, index_t stages = 1) : numbers_(be.template alloc<std::int32_t>(2 + 3 * stages)) {
    PROXYV_CHECK(stages >= 1 && stages <= max_stages, ArgumentError, "StepState: ", stages, " stages, wanted 1..", max_stages);
  }

  /// token: the one to feed; position: its own; row: where in the cache it goes; step: of the random numbers.
  template <class E>
  void set(E& be, TokenId token_id, index_t position_id, index_t row_id, std::uint64_t step_id) {
    set(be, token_id, step_id, [&](index_t) { return Place{position_id, row_id}; });
  }
  /// The same from a cache; first_layers [stages]: the layer each stage begins with.
  template <class E>
  void set(E& be, TokenId token_id, const KvCache<B>& cache, Span<const index_t> first_layers, std::uint64_t step_id) {
    PROXYV_CHECK(first_layers.size() == stage_count(), ArgumentError, "StepState: ", first_layers.size(), " stages, wanted ", stage_count());
    set(be, token_id, step_id, [&](index_t i) { return Place{cache.next_position(first_layers[i]), cache.length(first_layers[i])}; });
  }

  OutIds<B> token() const { return numbers_.span().part(0, 1); }
  OutIds<B> step() const { return numbers_.span().part(1, 1); }
  /// Position, row and live of every stage; the three after it of the first.
  OutIds<B> stages() const { return numbers_.span().part(2, 3 * stage_count()); }
  OutIds<B> position() const { return numbers_.span().part(2, 1); }
  OutIds<B> row() const { return numbers_.span().part(3, 1); }
  OutIds<B> live() const { return numbers_.span().part(4, 1); }
  /// Everything that grows by one.
  OutIds<B> counters() const { return numbers_.span().part(1, 1 + 3 * stage_count()); }
  index_t stage_count() const { return (numbers_.size() - 2) / 3; }

 private:
  struct Place {
    index_t position = 0, row = 0;
  };

  template <class E, class PlaceOf>
  void set(E& be, TokenId token_id, std::uint64_t step_id, PlaceOf&& place_of) {
    std::int32_t host[2 + 3 * max_stages] = {token_id, static_cast<std::int32_t>(step_id)};
    for (index_t i = 0; i < stage_count(); ++i) {
      const Place place = place_of(i);
      std::int32_t* stage = host + 2 + 3 * i;
      stage[0] = static_cast<std::int32_t>(place.position);
      stage[1] = static_cast<std::int32_t>(place.row);
      stage[2] = static_cast<std::int32_t>(place.row + 1);
    }
    be.upload(Span<const std::int32_t>(host, numbers_.size()), numbers_.span());
  }

  Buffer<std::int32_t, SpaceOf<B>> numbers_;
};

}  // namespace proxyv::inline v0
