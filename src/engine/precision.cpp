#include <torchbolt/engine/mixed_precision.h>
#include <torchbolt/engine/precision.h>
#include <torchbolt/engine/true_precision.h>

namespace bolt {

c10::ScalarType dtype_of(Precision precision) {
  switch (precision) {
    case Precision::k64True:
      return at::kDouble;
    case Precision::k16True:
    case Precision::k16Mixed:
      return at::kHalf;
    case Precision::kBF16True:
    case Precision::kBF16Mixed:
      return at::kBFloat16;
    case Precision::k32True:
      break;
  }
  return at::kFloat;
}

std::shared_ptr<PrecisionPlugin> make_precision(Precision precision) {
  switch (precision) {
    case Precision::k32True:
      return nullptr;
    case Precision::k16Mixed:
    case Precision::kBF16Mixed:
      return std::make_shared<MixedPrecision>(
          MixedPrecisionOptions{.precision = precision});
    default:
      return std::make_shared<TruePrecision>(precision);
  }
}

}  // namespace bolt
