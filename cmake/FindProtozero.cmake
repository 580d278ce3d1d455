# Finds protozero, which is headers alone: Protozero_INCLUDE_DIR.
find_path(Protozero_INCLUDE_DIR protozero/pbf_writer.hpp)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Protozero
  REQUIRED_VARS Protozero_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libprotozero-dev, or run scripts/setup.sh")
mark_as_advanced(Protozero_INCLUDE_DIR)
