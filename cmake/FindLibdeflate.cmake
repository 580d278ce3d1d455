# Finds libdeflate and makes the target Libdeflate::Libdeflate. Debian's package
# has no CMake file of its own.
find_path(Libdeflate_INCLUDE_DIR libdeflate.h)
find_library(Libdeflate_LIBRARY deflate)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libdeflate
  REQUIRED_VARS Libdeflate_LIBRARY Libdeflate_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libdeflate-dev, or run scripts/setup.sh")

if(Libdeflate_FOUND AND NOT TARGET Libdeflate::Libdeflate)
  # GLOBAL, so that a project that adds this one as a sub-folder sees it too.
  add_library(Libdeflate::Libdeflate UNKNOWN IMPORTED GLOBAL)
  set_target_properties(Libdeflate::Libdeflate PROPERTIES
    IMPORTED_LOCATION "${Libdeflate_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Libdeflate_INCLUDE_DIR}")
endif()
mark_as_advanced(Libdeflate_INCLUDE_DIR Libdeflate_LIBRARY)
