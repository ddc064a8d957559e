# The INTERFACE targets users link:
#   proxyv::proxyv   headers, C++20, nothing else
#   proxyv::eigen    + Eigen, and OpenMP when there is one: the CPU engine; proxyv::eigen_kernels: the same with its kernels compiled once
#   proxyv::io       + nlohmann_json: checkpoints
#   proxyv::onednn   + oneDNN: the CPU engine with its products by oneDNN
#   proxyv::images   + libpng and libjpeg: picture files
#   proxyv::cuda     + the CUDA runtime and cuBLASLt: the GPU engine; its kernels come with proxyv_add_kernels (cuda.cmake)
# None carries an optimisation or warning flag. A target whose library is missing does not exist.

file(GLOB_RECURSE PROXYV_HEADERS CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
  ${PROJECT_SOURCE_DIR}/include/proxyv/*.hpp)
file(GLOB_RECURSE proxyv_kernel_files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
  ${PROJECT_SOURCE_DIR}/include/proxyv/cuda/*.cu ${PROJECT_SOURCE_DIR}/include/proxyv/cuda/*.cuh
  ${PROJECT_SOURCE_DIR}/include/proxyv/eigen/*.cpp ${PROJECT_SOURCE_DIR}/include/proxyv/eigen/level/*.inl)
set(proxyv_header_files ${PROXYV_HEADERS} ${proxyv_kernel_files})
list(TRANSFORM proxyv_header_files PREPEND ${PROJECT_SOURCE_DIR}/include/)

add_library(proxyv INTERFACE)
target_compile_features(proxyv INTERFACE cxx_std_20)
target_sources(proxyv INTERFACE
  FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${proxyv_header_files})
if(NOT PROJECT_IS_TOP_LEVEL)
  # Their warnings are not ours: with add_subdirectory, too, our headers are system headers.
  target_include_directories(proxyv SYSTEM INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
endif()
add_library(proxyv::proxyv ALIAS proxyv)

# proxyv_part(NAME library...): the target proxyv::NAME, headers plus libraries.
function(proxyv_part name)
  add_library(proxyv_${name} INTERFACE)
  target_link_libraries(proxyv_${name} INTERFACE proxyv ${ARGN})
  set_target_properties(proxyv_${name} PROPERTIES EXPORT_NAME ${name})
  add_library(proxyv::${name} ALIAS proxyv_${name})
endfunction()

set(PROXYV_PARTS "")
if(PROXYV_HAVE_EIGEN)
  proxyv_part(eigen Eigen3::Eigen)
  if(PROXYV_HAVE_OPENMP)
    # Not exported: an installed proxyv looks for the OpenMP of the compiler that uses it.
    target_link_libraries(proxyv_eigen INTERFACE $<BUILD_INTERFACE:OpenMP::OpenMP_CXX>)
  endif()
  list(APPEND PROXYV_PARTS eigen)
  include(${CMAKE_CURRENT_LIST_DIR}/eigen_kernels.cmake)
endif()
if(PROXYV_HAVE_EIGEN AND PROXYV_HAVE_ONEDNN)
  proxyv_part(onednn proxyv_eigen proxyv_dnnl)
  list(APPEND PROXYV_PARTS onednn)
endif()
if(PROXYV_HAVE_IO)
  proxyv_part(io nlohmann_json::nlohmann_json)
  list(APPEND PROXYV_PARTS io)
endif()
if(PROXYV_HAVE_IMAGES)
  proxyv_part(images PNG::PNG JPEG::JPEG)
  list(APPEND PROXYV_PARTS images)
endif()
if(PROXYV_HAVE_CUDA)
  proxyv_part(cuda CUDA::cudart CUDA::cublasLt)
  list(APPEND PROXYV_PARTS cuda)
endif()
