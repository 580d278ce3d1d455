# torchbolt_precompile_headers(<target>...): compiles torch's and torchbolt's
# headers once, for the first target; the others use the same. They must then
# have the same compile options. torch's header costs 20 seconds a file without.
#
#   add_executable(train train.cpp model.cpp)
#   target_link_libraries(train PRIVATE torchbolt::torchbolt)
#   torchbolt_precompile_headers(train)
function(torchbolt_precompile_headers first)
  target_precompile_headers(${first} PRIVATE
    <torch/torch.h> <torchbolt/torchbolt.h>)
  foreach(target ${first} ${ARGN})
    # ccache looks into a precompiled header only when it holds no time stamp.
    target_compile_options(${target} PRIVATE
      "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  endforeach()
  foreach(target ${ARGN})
    target_precompile_headers(${target} REUSE_FROM ${first})
  endforeach()
endfunction()
