# proxyv::cuda and what it takes to have kernels in a program. Read by our own build and by the installed package.
#
#   proxyv_add_kernels(app [ARCHITECTURES 80;90a])   compiles kernels.cu once and links it into `app`
#
# CUDA becomes a language of the build only when proxyv_add_kernels is called. A fat object holds each architecture
# asked for; without ARCHITECTURES, CMAKE_CUDA_ARCHITECTURES counts where it is set, and 80;90a where it is not.

if(NOT PROXYV_KERNELS_FILE)
  set(PROXYV_KERNELS_FILE ${CMAKE_CURRENT_LIST_DIR}/../include/proxyv/cuda/kernels.cu)
endif()

# The object library with the kernels, one per list of architectures in a build.
function(proxyv_kernels_library out kernels_file)
  set(architectures ${ARGN})
  if(NOT architectures)
    set(architectures ${CMAKE_CUDA_ARCHITECTURES})
  endif()
  if(NOT architectures)
    set(architectures 80 90a)
  endif()
  string(REGEX REPLACE "[^0-9a-z]+" "_" name "proxyv_kernels_${architectures}")
  set(${out} ${name} PARENT_SCOPE)
  if(TARGET ${name})
    return()
  endif()
  add_library(${name} OBJECT ${kernels_file})
  set_source_files_properties(${kernels_file} TARGET_DIRECTORY ${name} PROPERTIES LANGUAGE CUDA)
  target_link_libraries(${name} PRIVATE proxyv::cuda)
  # Our own flags: CMake 3.25.1 does not know C++20 for nvcc 13, and turns 90a into something else in places.
  set(codes "")
  foreach(architecture IN LISTS architectures)
    string(REGEX REPLACE "-(real|virtual)$" "" number ${architecture})
    if(number MATCHES "^[0-9]+[af]?$")
      list(APPEND codes "SHELL:-gencode=arch=compute_${number},code=sm_${number}")
    else()
      message(FATAL_ERROR "proxyv_add_kernels: architecture '${architecture}': wanted a number such as 80 or 90a")
    endif()
  endforeach()
  set_target_properties(${name} PROPERTIES
    CUDA_ARCHITECTURES OFF CUDA_STANDARD_REQUIRED OFF CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 -O3> ${codes})
endfunction()

function(proxyv_add_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "ARCHITECTURES")
  if(NOT TARGET proxyv::cuda)
    message(FATAL_ERROR "proxyv_add_kernels: there is no target proxyv::cuda: no CUDA toolkit was found")
  endif()
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT "CUDA" IN_LIST languages)
    message(FATAL_ERROR "proxyv_add_kernels: CUDA is not a language of this project: call enable_language(CUDA), or name it in project()")
  endif()
  proxyv_kernels_library(kernels ${PROXYV_KERNELS_FILE} ${arg_ARCHITECTURES})
  target_link_libraries(${target} PRIVATE proxyv::cuda $<TARGET_OBJECTS:${kernels}>)
endfunction()
