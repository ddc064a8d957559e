# proxyv::eigen_kernels: proxyv::eigen whose kernels are compiled once, from kernels.cpp, and not in every file that uses
# the engine. Link it in its place. Read by our own build and by the installed package; built only where something links it.
# It has the flags of the project that it is in; more, such as -O3 in a Debug build: target_compile_options(proxyv_eigen_kernels PRIVATE -O3).

if(NOT PROXYV_EIGEN_KERNELS_FILE)
  set(PROXYV_EIGEN_KERNELS_FILE ${CMAKE_CURRENT_LIST_DIR}/../include/proxyv/eigen/kernels.cpp)
endif()
get_property(proxyv_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(NOT TARGET proxyv_eigen_kernels AND "CXX" IN_LIST proxyv_languages)
  add_library(proxyv_eigen_kernels STATIC EXCLUDE_FROM_ALL ${PROXYV_EIGEN_KERNELS_FILE})
  add_library(proxyv::eigen_kernels ALIAS proxyv_eigen_kernels)
  target_link_libraries(proxyv_eigen_kernels PUBLIC proxyv::eigen)
  target_compile_definitions(proxyv_eigen_kernels INTERFACE PROXYV_CPU_KERNELS_APART)
  set_target_properties(proxyv_eigen_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()
