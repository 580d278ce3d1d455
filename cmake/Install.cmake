# cmake --install: the library, its headers, the package for find_package, and
# the torchbolt command. Components: torchbolt_runtime (what programs need that
# are already compiled, and the command) and torchbolt_development (the rest).
#
# The build folder is a package too: -Dtorchbolt_DIR=<build folder>.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/torchbolt")
install(TARGETS torchbolt EXPORT torchboltTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT torchbolt_runtime
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT torchbolt_runtime
    NAMELINK_COMPONENT torchbolt_development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT torchbolt_development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/torchbolt"
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT torchbolt_development
  FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/torchbolt
  COMPONENT torchbolt_runtime)
install(EXPORT torchboltTargets NAMESPACE torchbolt::
  DESTINATION ${package_dir} COMPONENT torchbolt_development)
export(EXPORT torchboltTargets NAMESPACE torchbolt::
  FILE "${PROJECT_BINARY_DIR}/torchboltTargets.cmake")

get_target_property(torchbolt_is_shared torchbolt TYPE)
if(torchbolt_is_shared STREQUAL SHARED_LIBRARY)
  set(torchbolt_is_shared ON)
else()
  set(torchbolt_is_shared OFF)
endif()
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/torchboltConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/torchboltConfig.cmake"
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/torchboltConfigVersion.cmake"
  VERSION ${torchbolt_VERSION} COMPATIBILITY SameMajorVersion)
set(package_files
  "${PROJECT_BINARY_DIR}/torchboltConfig.cmake"
  "${PROJECT_BINARY_DIR}/torchboltConfigVersion.cmake")
foreach(module FindLibdeflate FindLibtorch torchboltPrecompile)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${module}.cmake"
                 "${PROJECT_BINARY_DIR}/${module}.cmake" COPYONLY)
  list(APPEND package_files "${PROJECT_BINARY_DIR}/${module}.cmake")
endforeach()
install(FILES ${package_files}
  DESTINATION ${package_dir} COMPONENT torchbolt_development)

if(TARGET torchbolt_cli)
  file(RELATIVE_PATH libraries "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(torchbolt_cli PROPERTIES
    INSTALL_RPATH "\$ORIGIN/${libraries}")
  install(TARGETS torchbolt_cli
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT torchbolt_runtime)
endif()
