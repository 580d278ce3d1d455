#pragma once

#include <c10/core/Device.h>
#include <torchbolt/engine/options.h>

namespace bolt::detail {

/// What a choice of accelerator and devices comes to on this machine.
struct DeviceChoice {
  Accelerator accelerator;
  c10::Device device;
};

/// The device to run on. Throws ConfigError naming what can be used here.
DeviceChoice choose_device(Accelerator accelerator, const Devices& devices);

}  // namespace bolt::detail
