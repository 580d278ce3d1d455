#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>
#include <torchbolt/export.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace torch::nn {
class Module;
}

namespace bolt {

/// Floating-point operations of a forward pass; with a `loss`, of that and of
/// its backward pass too. Counted are matrix products, convolutions and
/// attention, a multiplication and an addition as two, as
/// torch.utils.flop_counter does. Only this thread's operations are seen: the
/// module must be on the CPU, or on `meta`, where nothing is computed.
/// Gradients and random state are as before after it.
///
///     const int64_t flops = bolt::measure_flops(
///         net, [&] { return net.forward(torch::rand({32, 784})); },
///         [](const torch::Tensor& out) { return out.sum(); });
TORCHBOLT_API int64_t measure_flops(
    torch::nn::Module& module, const std::function<at::Tensor()>& forward,
    const std::function<at::Tensor(const at::Tensor&)>& loss = {});

/// Operations a second that an NVIDIA device can do at best in numbers of a
/// type, by the name that its driver gives it ("NVIDIA H100 80GB HBM3"): dense
/// matrix products on its tensor cores where they take the type, without TF32.
/// None for a device or type that isn't in the table. From NVIDIA's data
/// sheets: A10, A100, H100 (SXM, PCIe, NVL), H200, L4, L40, T4, V100, RTX 3090,
/// RTX 4090.
TORCHBOLT_API std::optional<double> available_flops(
    std::string_view device_name, at::ScalarType type);

}  // namespace bolt
