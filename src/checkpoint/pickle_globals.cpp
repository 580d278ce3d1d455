#include "checkpoint/pickle_globals.h"

#include <array>

namespace bolt::detail {
namespace {

using Function = PickleFunction;

struct Known {
  std::string_view module{};
  std::string_view name{};
  Function function{};
};

// What torch.load(weights_only=True) takes, as far as a State can hold it.
// Protocol 2 names Python 2's modules.
constexpr std::array kKnown{
    Known{"collections", "OrderedDict", Function::kOrderedDict},
    Known{"collections", "Counter", Function::kCounter},
    Known{"collections", "defaultdict", Function::kDefaultDict},
    Known{"torch._utils", "_rebuild_tensor", Function::kTensor},
    Known{"torch._utils", "_rebuild_tensor_v2", Function::kTensorV2},
    Known{"torch._utils", "_rebuild_tensor_v3", Function::kTensorV3},
    Known{"torch._utils", "_rebuild_parameter", Function::kParameter},
    Known{"torch._utils", "_rebuild_parameter_with_state",
          Function::kParameter},
    Known{"torch._utils", "_rebuild_meta_tensor_no_storage",
          Function::kMetaTensor},
    Known{"torch._utils", "_rebuild_device_tensor_from_cpu_tensor",
          Function::kFromDevice},
    Known{"torch._tensor", "_rebuild_from_type_v2", Function::kFromType},
    Known{"torch.tensor", "_rebuild_from_type_v2", Function::kFromType},
    Known{"torch", "Tensor", Function::kTensorClass},
    Known{"torch.nn.parameter", "Parameter", Function::kTensorClass},
    Known{"torch", "Size", Function::kSize},
    Known{"torch", "device", Function::kDevice},
    Known{"_codecs", "encode", Function::kEncode},
    Known{"builtins", "bytes", Function::kBytes},
    Known{"__builtin__", "bytes", Function::kBytes},
    Known{"builtins", "bytearray", Function::kBytes},
    Known{"__builtin__", "bytearray", Function::kBytes},
    Known{"builtins", "set", Function::kSet},
    Known{"__builtin__", "set", Function::kSet},
    Known{"builtins", "frozenset", Function::kSet},
    Known{"__builtin__", "frozenset", Function::kSet},
    Known{"builtins", "complex", Function::kComplex},
    Known{"__builtin__", "complex", Function::kComplex},
    Known{"torch.storage", "UntypedStorage", Function::kStorage},
    Known{"torch", "UntypedStorage", Function::kStorage},
    Known{"builtins", "dict", Function::kFactory},
    Known{"__builtin__", "dict", Function::kFactory},
    Known{"builtins", "list", Function::kFactory},
    Known{"__builtin__", "list", Function::kFactory},
    Known{"builtins", "int", Function::kFactory},
    Known{"__builtin__", "int", Function::kFactory},
    Known{"builtins", "float", Function::kFactory},
    Known{"__builtin__", "float", Function::kFactory},
};

}  // namespace

std::optional<PickleGlobal> find_pickle_global(std::string_view module,
                                               std::string_view name) {
  for (const Known& known : kKnown) {
    if (known.module == module && known.name == name) {
      return PickleGlobal{.function = known.function};
    }
  }
  if (module == "torch" || module == "torch.cuda") {
    if (const DtypeNames* type = dtype_of_storage(name)) {
      return PickleGlobal{.function = Function::kStorage, .dtype = type};
    }
  }
  if (module == "torch") {
    if (const DtypeNames* type = dtype_of_python(name)) {
      return PickleGlobal{.function = Function::kDtype, .dtype = type};
    }
  }
  return std::nullopt;
}

}  // namespace bolt::detail
