# cmake --install: headers, the CMake package `proxyv` with its components, pkg-config files.
# One export set per part, so that find_package(proxyv) asks only for the libraries of the parts in use.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(proxyv_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/proxyv)

install(TARGETS proxyv EXPORT proxyv_core_targets FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT proxyv_core_targets NAMESPACE proxyv:: DESTINATION ${proxyv_package_dir})
foreach(part IN LISTS PROXYV_PARTS)
  install(TARGETS proxyv_${part} EXPORT proxyv_${part}_targets)
  install(EXPORT proxyv_${part}_targets NAMESPACE proxyv:: DESTINATION ${proxyv_package_dir})
endforeach()

set(PROXYV_INSTALL_INCLUDE ${CMAKE_INSTALL_INCLUDEDIR})
configure_package_config_file(cmake/proxyvConfig.cmake.in ${PROJECT_BINARY_DIR}/package/proxyvConfig.cmake
  INSTALL_DESTINATION ${proxyv_package_dir} PATH_VARS PROXYV_INSTALL_INCLUDE)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/proxyvConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  ${PROJECT_BINARY_DIR}/package/proxyvConfig.cmake
  ${PROJECT_BINARY_DIR}/package/proxyvConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/cuda.cmake
  ${PROJECT_SOURCE_DIR}/cmake/eigen_kernels.cmake
  ${PROJECT_SOURCE_DIR}/cmake/onednn.cmake
  DESTINATION ${proxyv_package_dir})

# proxyv.pc, proxyv-eigen.pc, ...: paths relative to the file, so that the installed tree can be moved.
function(proxyv_pkg_config name description requires)
  set(PROXYV_PC_NAME ${name})
  set(PROXYV_PC_DESCRIPTION ${description})
  set(PROXYV_PC_REQUIRES ${requires})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/proxyv.pc.in ${PROJECT_BINARY_DIR}/package/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/${name}.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
endfunction()
cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_INCLUDEDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig
  OUTPUT_VARIABLE PROXYV_PC_INCLUDE)
proxyv_pkg_config(proxyv "${PROJECT_DESCRIPTION}" "")
if(PROXYV_HAVE_EIGEN)
  proxyv_pkg_config(proxyv-eigen "proxyv with the Eigen engine" "proxyv eigen3")
endif()
if(PROXYV_HAVE_IO)
  proxyv_pkg_config(proxyv-io "proxyv with checkpoint files" "proxyv nlohmann_json")
endif()
if(PROXYV_HAVE_IMAGES)
  proxyv_pkg_config(proxyv-images "proxyv with picture files" "proxyv libpng libjpeg")
endif()

install(FILES LICENSE NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})
