# Finds libtorch >= 2.11 and makes the target Libtorch::Libtorch.
#
# Looked for in CMAKE_PREFIX_PATH (a wheel's `torch` folder, the folder that holds
# it, its `share/cmake`, or libtorch's own archive), then in Libtorch_HINTS. The
# CPU library alone is linked: where there is an NVIDIA driver the CUDA library
# beside it is loaded at run time.
#
# Sets Libtorch_FOUND, Libtorch_VERSION, Libtorch_ROOT.

find_path(Libtorch_API_DIR torch/torch.h
  HINTS ${CMAKE_PREFIX_PATH} ENV CMAKE_PREFIX_PATH ${Libtorch_HINTS}
  PATH_SUFFIXES include/torch/csrc/api/include
                torch/include/torch/csrc/api/include
                ../../include/torch/csrc/api/include)
set(libtorch_problem "run scripts/setup.sh, or point CMAKE_PREFIX_PATH at a libtorch >= 2.11")
if(Libtorch_API_DIR)
  get_filename_component(Libtorch_ROOT "${Libtorch_API_DIR}/../../../../.."
                         ABSOLUTE)
  find_library(Libtorch_CPU_LIBRARY torch_cpu
               HINTS "${Libtorch_ROOT}/lib" NO_DEFAULT_PATH)
  find_library(Libtorch_C10_LIBRARY c10
               HINTS "${Libtorch_ROOT}/lib" NO_DEFAULT_PATH)
  file(GLOB libtorch_version_files
       "${Libtorch_ROOT}/include/torch/headeronly/version.h"
       "${Libtorch_ROOT}/include/torch/csrc/api/include/torch/version.h")
  foreach(libtorch_file ${libtorch_version_files})
    file(STRINGS "${libtorch_file}" libtorch_lines
         REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    if(libtorch_lines)
      string(REGEX MATCHALL "[0-9]+" libtorch_parts "${libtorch_lines}")
      list(JOIN libtorch_parts "." Libtorch_VERSION)
    endif()
  endforeach()
  set(libtorch_new_enough TRUE)
  if(Libtorch_VERSION VERSION_LESS 2.11)
    set(libtorch_new_enough FALSE)
    set(libtorch_problem "libtorch ${Libtorch_VERSION} in ${Libtorch_ROOT} is too old: 2.11 or newer is needed. Run scripts/setup.sh, or point CMAKE_PREFIX_PATH at a newer one")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch
  REQUIRED_VARS Libtorch_CPU_LIBRARY Libtorch_C10_LIBRARY Libtorch_API_DIR
                libtorch_new_enough
  VERSION_VAR Libtorch_VERSION
  REASON_FAILURE_MESSAGE "${libtorch_problem}")

if(Libtorch_FOUND AND NOT TARGET Libtorch::Libtorch)
  # GLOBAL, so that a project that adds this one as a sub-folder sees it too.
  add_library(Libtorch::Libtorch INTERFACE IMPORTED GLOBAL)
  target_include_directories(Libtorch::Libtorch SYSTEM INTERFACE
    "${Libtorch_ROOT}/include" "${Libtorch_API_DIR}")
  target_compile_features(Libtorch::Libtorch INTERFACE cxx_std_20)
  target_link_options(Libtorch::Libtorch INTERFACE
    "LINKER:-rpath,${Libtorch_ROOT}/lib" "LINKER:--allow-shlib-undefined")
  target_link_libraries(Libtorch::Libtorch INTERFACE
    -Wl,--no-as-needed "${Libtorch_CPU_LIBRARY}" "${Libtorch_C10_LIBRARY}"
    -Wl,--as-needed)
  # Older libtorch (2.11) declares Tensor::const_data_ptr with a constraint among
  # its template arguments, whose mangled name clang 18 changed and libtorch's
  # compiler did not.
  file(STRINGS "${Libtorch_ROOT}/include/ATen/core/TensorBase.h" libtorch_lines
       REGEX "enable_if_t<!std::is_const_v<T>, int> = 0>")
  if(libtorch_lines AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND
     CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 18)
    target_compile_options(Libtorch::Libtorch INTERFACE -fclang-abi-compat=17)
  endif()
endif()
foreach(libtorch_name problem file lines parts version_files new_enough name)
  unset(libtorch_${libtorch_name})
endforeach()
mark_as_advanced(Libtorch_API_DIR Libtorch_CPU_LIBRARY Libtorch_C10_LIBRARY)
