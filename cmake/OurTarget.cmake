# our_options(<target>): warnings and sanitizers.
function(our_options target)
  # -fPIC also for programs: all share one precompiled header.
  target_compile_options(${target} PRIVATE -fPIC -Wall -Wextra -Wpedantic
    # g++ 12 takes members of variants and strings for uninitialized that aren't.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    $<$<BOOL:${TORCHBOLT_WERROR}>:-Werror>)
  if(TORCHBOLT_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${TORCHBOLT_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${TORCHBOLT_SANITIZE})
  endif()
endfunction()

# our_target(<target>): what all targets that use torch have in common.
function(our_target target)
  our_options(${target})
  if(TORCHBOLT_PCH)
    # One header, precompiled once, for all: torch's costs seconds a file.
    if(NOT TARGET torch_pch)
      set(pch_source "${CMAKE_BINARY_DIR}/torch_pch.cpp")
      file(CONFIGURE OUTPUT "${pch_source}" CONTENT "// precompiled header\n")
      add_library(torch_pch OBJECT "${pch_source}")
      target_link_libraries(torch_pch PRIVATE Libtorch::Libtorch)
      target_compile_features(torch_pch PUBLIC cxx_std_20)
      our_options(torch_pch)
      target_precompile_headers(torch_pch PRIVATE <torch/torch.h>)
    endif()
    target_precompile_headers(${target} REUSE_FROM torch_pch)
  endif()
endfunction()
