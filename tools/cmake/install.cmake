# Install rules: headers, library, CMake package, pkg-config file. The pawl command's own rule is
# here too, so that the whole list is in one place.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(pawl_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pawl)

install(TARGETS pawl EXPORT pawlTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/pawl DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(EXPORT pawlTargets NAMESPACE pawl:: DESTINATION ${pawl_cmake_dir})

if(TARGET pawl_prometheus)
  install(TARGETS pawl_prometheus EXPORT pawlPrometheusTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT pawlPrometheusTargets NAMESPACE pawl:: DESTINATION ${pawl_cmake_dir})
  install(FILES ${PROJECT_SOURCE_DIR}/tools/cmake/FindPrometheusCore.cmake
    DESTINATION ${pawl_cmake_dir})
endif()

# A static library does not carry what it links: its users have to find it again.
if(BUILD_SHARED_LIBS)
  set(PAWL_FIND_DEPENDENCIES "")
  set(PAWL_PC_REQUIRES_PRIVATE "")
  set(PAWL_PC_LIBS_PRIVATE "")
else()
  set(PAWL_FIND_DEPENDENCIES
    "find_dependency(Threads)\nfind_dependency(TBB)\nfind_dependency(fmt)\ninclude(\"\${CMAKE_CURRENT_LIST_DIR}/FindPlainLibraries.cmake\")")
  install(FILES ${PROJECT_SOURCE_DIR}/tools/cmake/FindPlainLibraries.cmake DESTINATION ${pawl_cmake_dir})
  set(PAWL_PC_REQUIRES_PRIVATE "tbb fmt libisal liburing")
  set(PAWL_PC_LIBS_PRIVATE "-lstdc++ -lm -pthread")
endif()
configure_package_config_file(${PROJECT_SOURCE_DIR}/tools/cmake/Config.cmake.in
  ${PROJECT_BINARY_DIR}/pawlConfig.cmake INSTALL_DESTINATION ${pawl_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pawlConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pawlConfig.cmake ${PROJECT_BINARY_DIR}/pawlConfigVersion.cmake
  DESTINATION ${pawl_cmake_dir})

# The prefix is found from the place of the file, so an installed tree can be moved.
file(RELATIVE_PATH pawl_pc_to_prefix
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/tools/cmake/pawl.pc.in ${PROJECT_BINARY_DIR}/pawl.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pawl.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET pawl_tool)
  install(TARGETS pawl_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
