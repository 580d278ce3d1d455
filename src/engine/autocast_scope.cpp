#include <ATen/autocast_mode.h>
#include <torchbolt/engine/autocast_scope.h>

namespace bolt {

AutocastScope::AutocastScope(c10::DeviceType device, c10::ScalarType dtype,
                             bool cache)
    : AutocastScope(device, Setting{true, dtype, cache}) {}

AutocastScope AutocastScope::off(c10::DeviceType device) {
  Setting setting = current(device);
  setting.enabled = false;
  return {device, setting};
}

AutocastScope::AutocastScope(c10::DeviceType device, Setting setting)
    : device_(device), before_(current(device)) {
  set(device, setting);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set(device_, before_);
}

AutocastScope::Setting AutocastScope::current(c10::DeviceType device) {
  return {at::autocast::is_autocast_enabled(device),
          at::autocast::get_autocast_dtype(device),
          at::autocast::is_autocast_cache_enabled()};
}

void AutocastScope::set(c10::DeviceType device, const Setting& setting) {
  at::autocast::set_autocast_enabled(device, setting.enabled);
  at::autocast::set_autocast_dtype(device, setting.dtype);
  at::autocast::set_autocast_cache_enabled(setting.cache);
}

}  // namespace bolt
