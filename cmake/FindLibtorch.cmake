# Finds libtorch >= 2.11 and makes the target Libtorch::Libtorch.
#
# Looked for in CMAKE_PREFIX_PATH (a wheel's `torch` folder, or libtorch's own
# archive), then in the project's .deps/, which scripts/setup.sh fills. The
# CPU library alone is linked: where there is an NVIDIA driver the CUDA library
# beside it is loaded at run time.
#
# Sets Libtorch_FOUND, Libtorch_VERSION, Libtorch_ROOT.

set(deps_torch "${CMAKE_CURRENT_LIST_DIR}/../.deps/libtorch/torch")
find_path(Libtorch_API_DIR torch/torch.h
  HINTS ${CMAKE_PREFIX_PATH} "${deps_torch}"
  PATH_SUFFIXES include/torch/csrc/api/include
                torch/include/torch/csrc/api/include)
if(Libtorch_API_DIR)
  get_filename_component(Libtorch_ROOT "${Libtorch_API_DIR}/../../../../.."
                         ABSOLUTE)
  find_library(Libtorch_CPU_LIBRARY torch_cpu
               HINTS "${Libtorch_ROOT}/lib" NO_DEFAULT_PATH)
  find_library(Libtorch_C10_LIBRARY c10
               HINTS "${Libtorch_ROOT}/lib" NO_DEFAULT_PATH)
  set(version_file "${Libtorch_ROOT}/include/torch/csrc/api/include/torch/version.h")
  if(NOT EXISTS "${version_file}")
    set(version_file "${Libtorch_ROOT}/include/torch/headeronly/version.h")
  endif()
  file(GLOB version_files "${Libtorch_ROOT}/include/torch/headeronly/version.h"
       "${Libtorch_ROOT}/include/torch/csrc/api/include/torch/version.h")
  foreach(file ${version_files})
    file(STRINGS "${file}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
    if(lines)
      string(REGEX MATCHALL "[0-9]+" parts "${lines}")
      list(JOIN parts "." Libtorch_VERSION)
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch
  REQUIRED_VARS Libtorch_CPU_LIBRARY Libtorch_C10_LIBRARY Libtorch_API_DIR
  VERSION_VAR Libtorch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or point CMAKE_PREFIX_PATH at a libtorch >= 2.11")
if(Libtorch_FOUND AND Libtorch_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "libtorch ${Libtorch_VERSION} in ${Libtorch_ROOT} is too old: 2.11 or newer is needed. Run scripts/setup.sh, or point CMAKE_PREFIX_PATH at a newer one.")
endif()

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
endif()
mark_as_advanced(Libtorch_API_DIR Libtorch_CPU_LIBRARY Libtorch_C10_LIBRARY)
