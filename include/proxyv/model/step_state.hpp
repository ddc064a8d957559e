// StepState: where a generation stands, in the engine's memory, so that one recorded step serves every token.
#pragma once

#include <cstdint>

#include "proxyv/backend/fused.hpp"

namespace proxyv::inline v0 {

/// The counters of one conversation. A step reads the token, writes its keys and values to the row, and
/// leaves the next token here and every counter one further.
template <class B>
class StepState {
 public:
  /// Start-up: allocates five numbers.
  template <class E>
    requires Storage<E> && SameTensorsAs<E, B>
  explicit StepState(E& be) : numbers_(be.template alloc<std::int32_t>(5)) {}

  /// token: the one to feed; position: its own; row: where in the cache it goes; step: of the random numbers.
  template <class E>
  void set(E& be, TokenId token_id, index_t position_id, index_t row_id, std::uint64_t step_id) {
    const std::int32_t host[5] = {token_id, static_cast<std::int32_t>(position_id),
                                  static_cast<std::int32_t>(row_id), static_cast<std::int32_t>(row_id + 1),
                                  static_cast<std::int32_t>(step_id)};
    be.upload(Span<const std::int32_t>(host, 5), numbers_.span());
  }

  OutIds<B> token() const { return numbers_.span().part(0, 1); }
  OutIds<B> position() const { return numbers_.span().part(1, 1); }
  OutIds<B> row() const { return numbers_.span().part(2, 1); }
  OutIds<B> live() const { return numbers_.span().part(3, 1); }
  OutIds<B> step() const { return numbers_.span().part(4, 1); }
  /// Everything that grows by one.
  OutIds<B> counters() const { return numbers_.span().part(1, 4); }

 private:
  Buffer<std::int32_t, SpaceOf<B>> numbers_;
};

}  // namespace proxyv::inline v0
