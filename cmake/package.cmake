# find_package(agon) for authors of environments, from the build folder and after
# `cmake --install`.
include(GNUInstallDirs)

set(AGON_CONFIG_LINK "${CMAKE_DL_LIBS}")
set(AGON_CONFIG_ROOT ".")
set(AGON_CONFIG_LIBRARY "lib/libagon_env.a")
set(AGON_CONFIG_INCLUDE "${CMAKE_SOURCE_DIR}")
configure_file(cmake/agon-config.cmake.in ${CMAKE_BINARY_DIR}/agon-config.cmake @ONLY)
set(package_files cmake/agon-environment.cmake cmake/agon-plugin.map)
file(COPY ${package_files} DESTINATION ${CMAKE_BINARY_DIR})

set(AGON_CONFIG_ROOT "../../..")
set(AGON_CONFIG_LIBRARY "${CMAKE_INSTALL_LIBDIR}/libagon_env.a")
set(AGON_CONFIG_INCLUDE "\${AGON_ROOT}/${CMAKE_INSTALL_INCLUDEDIR}/agon")
configure_file(cmake/agon-config.cmake.in ${CMAKE_BINARY_DIR}/install/agon-config.cmake @ONLY)
install(TARGETS agon_env ARCHIVE)
install(FILES ${CMAKE_BINARY_DIR}/install/agon-config.cmake ${package_files}
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/agon)
foreach(folder core envs)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.h)
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/agon/${folder})
endforeach()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/envs/math/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/agon/envs/math
  FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_SOURCE_DIR}/python/agon_env.py DESTINATION ${CMAKE_INSTALL_DATADIR}/agon/python)
