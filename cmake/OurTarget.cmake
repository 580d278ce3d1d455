# torchbolt_options(<target>): warnings, sanitizers, and which symbols are seen.
function(torchbolt_options target)
  # -fPIC also for programs: all share one precompiled header.
  target_compile_options(${target} PRIVATE -fPIC -Wall -Wextra -Wpedantic
    # g++ 12 takes members of variants and strings for uninitialized that aren't,
    # and sums of strings for writes beyond their ends (GCC's bugs 105329, 105651),
    # here or there as it inlines.
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-array-bounds;-Wno-restrict;-Wno-stringop-overflow>"
    # ccache looks into a precompiled header only when it holds no time stamp.
    "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>"
    $<$<BOOL:${TORCHBOLT_WERROR}>:-Werror>)
  set_target_properties(${target} PROPERTIES
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(TORCHBOLT_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${TORCHBOLT_SANITIZE} -fno-omit-frame-pointer
      # A test with a report fails.
      -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${TORCHBOLT_SANITIZE})
  endif()
endfunction()

# torchbolt_target(<target>): what all targets that use torch have in common.
function(torchbolt_target target)
  torchbolt_options(${target})
  if(TORCHBOLT_PCH)
    # One header, precompiled once, for all: torch's costs seconds a file.
    if(NOT TARGET torchbolt_pch)
      set(pch_source "${PROJECT_BINARY_DIR}/torchbolt_pch.cpp")
      file(CONFIGURE OUTPUT "${pch_source}" CONTENT "// precompiled header\n")
      add_library(torchbolt_pch OBJECT "${pch_source}")
      target_link_libraries(torchbolt_pch PRIVATE Libtorch::Libtorch)
      target_compile_features(torchbolt_pch PUBLIC cxx_std_20)
      torchbolt_options(torchbolt_pch)
      target_precompile_headers(torchbolt_pch PRIVATE <torch/torch.h>)
    endif()
    target_precompile_headers(${target} REUSE_FROM torchbolt_pch)
  endif()
endfunction()
