#pragma once

/// Marks what a shared libtorchbolt shows: every class and function that
/// programs use and that isn't defined in a header. All else in it is hidden.
#define TORCHBOLT_API __attribute__((visibility("default")))
