#include "checkpoint/dtypes.h"

#include <algorithm>
#include <array>

namespace bolt::detail {
namespace {

using Type = at::ScalarType;

constexpr std::array kDtypes{
    DtypeNames{Type::Float, "float32", "FloatStorage", "F32"},
    DtypeNames{Type::Double, "float64", "DoubleStorage", "F64"},
    DtypeNames{Type::Half, "float16", "HalfStorage", "F16"},
    DtypeNames{Type::BFloat16, "bfloat16", "BFloat16Storage", "BF16"},
    DtypeNames{Type::Long, "int64", "LongStorage", "I64"},
    DtypeNames{Type::Int, "int32", "IntStorage", "I32"},
    DtypeNames{Type::Short, "int16", "ShortStorage", "I16"},
    DtypeNames{Type::Char, "int8", "CharStorage", "I8"},
    DtypeNames{Type::Byte, "uint8", "ByteStorage", "U8"},
    DtypeNames{Type::Bool, "bool", "BoolStorage", "BOOL"},
    DtypeNames{Type::ComplexDouble, "complex128", "ComplexDoubleStorage", ""},
    DtypeNames{Type::ComplexFloat, "complex64", "ComplexFloatStorage", "C64"},
    DtypeNames{Type::ComplexHalf, "complex32", "", ""},
    DtypeNames{Type::UInt16, "uint16", "", "U16"},
    DtypeNames{Type::UInt32, "uint32", "", "U32"},
    DtypeNames{Type::UInt64, "uint64", "", "U64"},
    DtypeNames{Type::Float8_e5m2, "float8_e5m2", "", "F8_E5M2"},
    DtypeNames{Type::Float8_e4m3fn, "float8_e4m3fn", "", "F8_E4M3"},
    DtypeNames{Type::Float8_e5m2fnuz, "float8_e5m2fnuz", "", "F8_E5M2FNUZ"},
    DtypeNames{Type::Float8_e4m3fnuz, "float8_e4m3fnuz", "", "F8_E4M3FNUZ"},
    DtypeNames{Type::Float8_e8m0fnu, "float8_e8m0fnu", "", "F8_E8M0"},
};

const DtypeNames* find(std::string_view DtypeNames::* field,
                       std::string_view name) {
  const auto found = std::ranges::find(kDtypes, name, field);
  return found == kDtypes.end() || name.empty() ? nullptr : &*found;
}

}  // namespace

const DtypeNames* dtype_names(at::ScalarType type) {
  const auto found = std::ranges::find(kDtypes, type, &DtypeNames::type);
  return found == kDtypes.end() ? nullptr : &*found;
}

const DtypeNames* dtype_of_python(std::string_view name) {
  return find(&DtypeNames::python, name);
}

const DtypeNames* dtype_of_storage(std::string_view name) {
  return find(&DtypeNames::storage, name);
}

const DtypeNames* dtype_of_safetensors(std::string_view name) {
  return find(&DtypeNames::safetensors, name);
}

}  // namespace bolt::detail
