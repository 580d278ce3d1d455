#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "checkpoint/dtypes.h"

namespace bolt::detail {

/// The classes and functions that a checkpoint may name. None of them is ever
/// called: the unpickler does itself what little they do.
enum class PickleFunction : uint8_t {
  kOrderedDict,
  kCounter,
  kDefaultDict,
  kTensor,     ///< _rebuild_tensor
  kTensorV2,   ///< _rebuild_tensor_v2
  kTensorV3,   ///< _rebuild_tensor_v3
  kParameter,  ///< _rebuild_parameter, also with state
  kMetaTensor,
  kFromDevice,
  kFromType,
  kTensorClass,
  kSize,
  kDevice,
  kEncode,
  kBytes,
  kSet,
  kComplex,
  kStorage,
  kDtype,
  kFactory,  ///< of a defaultdict
};

struct PickleGlobal {
  PickleFunction function{};
  /// Of a storage or a type; null for an untyped storage.
  const DtypeNames* dtype = nullptr;
};

/// What a module's name stands for; none where a checkpoint may not hold it.
std::optional<PickleGlobal> find_pickle_global(std::string_view module,
                                               std::string_view name);

}  // namespace bolt::detail
