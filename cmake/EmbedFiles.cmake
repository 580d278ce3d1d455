# embed_files(<output.cpp> <folder> <file>...): at build time, a source file that
# defines bolt::tools::embedded_files() of src/tools/embedded.h: the content of
# these files of the folder.
#
# Run as a script (-P) it writes that file.
function(embed_files output folder)
  list(TRANSFORM ARGN PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/"
       OUTPUT_VARIABLE paths)
  add_custom_command(
    OUTPUT "${output}"
    COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}"
      "-DFOLDER=${CMAKE_CURRENT_SOURCE_DIR}/${folder}" "-DFILES=${ARGN}"
      -P "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    DEPENDS ${paths} "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    COMMENT "Embedding ${folder}"
    VERBATIM)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  set(entries "")
  foreach(file IN LISTS FILES)
    file(READ "${FOLDER}/${file}" content)
    string(APPEND entries
           "      {\"${file}\",\n       R\"embedded(${content})embedded\"},\n")
  endforeach()
  file(WRITE "${OUTPUT}" "#include \"tools/embedded.h\"

namespace bolt::tools {

std::span<const EmbeddedFile> embedded_files() {
  static constexpr EmbeddedFile files[] = {
${entries}  };
  return files;
}

}  // namespace bolt::tools
")
endif()
