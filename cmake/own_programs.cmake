# How our own programs (tests, examples, benchmarks) are compiled: strictly, and for this machine.
# Nothing here is exported or reaches a user's target.

include(CheckCXXCompilerFlag)

set(PROXYV_STRICT_FLAGS -Wall -Wextra -Wshadow -Wconversion -Wpedantic -Werror)

# GCC 12 warns of its own headers once they are inlined into us: the undefined vectors of its AVX-512 intrinsics
# (GCC bug 105593), joined std::strings (bugs 105329, 105651). Later versions do not.
set(PROXYV_COMPILER_BUGS "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(PROXYV_COMPILER_BUGS
    -Wno-uninitialized -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()

add_library(proxyv_strict INTERFACE)
target_compile_options(proxyv_strict INTERFACE ${PROXYV_STRICT_FLAGS} ${PROXYV_COMPILER_BUGS})

# proxyv_own_flags: what this file's options add to our programs and to the kernels that they share.
add_library(proxyv_own_flags INTERFACE)

# proxyv_own_headers: everything a program of ours links that tests the library as headers alone.
add_library(proxyv_own_headers INTERFACE)
target_link_libraries(proxyv_own_headers INTERFACE proxyv::proxyv proxyv_strict proxyv_own_flags)
foreach(part IN LISTS PROXYV_PARTS)
  if(NOT part MATCHES "^(cuda|onednn)$")  # only for programs that are told so: proxyv_own_kernels, proxyv::onednn
    target_link_libraries(proxyv_own_headers INTERFACE proxyv::${part})
  endif()
endforeach()

# proxyv_own: the same for all others, with the CPU engine's kernels compiled once.
add_library(proxyv_own INTERFACE)
target_link_libraries(proxyv_own INTERFACE proxyv_own_headers)
if(PROXYV_HAVE_EIGEN)
  target_link_libraries(proxyv_own INTERFACE proxyv::eigen_kernels)
  target_link_libraries(proxyv_eigen_kernels PRIVATE proxyv_strict proxyv_own_flags)
endif()

# proxyv_own_kernels(target): the kernels for a program of ours that runs on the GPU.
if(PROXYV_HAVE_NVCC)
  # nvcc asks the host compiler for no more than it must: our warnings are for g++ and clang++.
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  set(CMAKE_CUDA_ARCHITECTURES OFF)
  enable_language(CUDA)
endif()
function(proxyv_own_kernels target)
  proxyv_add_kernels(${target} ARCHITECTURES ${PROXYV_CUDA_ARCHITECTURES})
endfunction()

if(PROXYV_NATIVE)
  check_cxx_compiler_flag(-march=native PROXYV_HAS_MARCH_NATIVE)
  if(PROXYV_HAS_MARCH_NATIVE)
    target_compile_options(proxyv_own_flags INTERFACE -march=native)
  endif()
endif()
if(PROXYV_SANITIZE)
  set(proxyv_sanitize -fsanitize=${PROXYV_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(proxyv_own_flags INTERFACE ${proxyv_sanitize})
  target_link_options(proxyv_own_flags INTERFACE ${proxyv_sanitize})
  proxyv_status("sanitizers on (${PROXYV_SANITIZE})")
endif()

# proxyv_parts_present(OUT part...): whether all of the parts a program needs are in this build.
function(proxyv_parts_present out)
  set(${out} ON PARENT_SCOPE)
  foreach(part IN LISTS ARGN)
    if(NOT part IN_LIST PROXYV_PARTS)
      set(${out} OFF PARENT_SCOPE)
    endif()
  endforeach()
endfunction()
