// DeviceSpace: memory of an NVIDIA GPU. Host code holds addresses in it and never looks through them.
#pragma once

namespace proxyv::inline v0 {

/// Memory of the current CUDA device. A host view does not convert to a device view, and the other way round.
struct DeviceSpace {
  static constexpr const char* name = "device";
};

}  // namespace proxyv::inline v0
