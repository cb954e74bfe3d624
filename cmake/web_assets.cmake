# The arena's page is part of the binary: arena/web/* become one source file.
file(GLOB web_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/arena/web/*)
list(SORT web_files)
set(AGON_WEB_ASSETS "")
foreach(file ${web_files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} content)
  string(APPEND AGON_WEB_ASSETS
    "    {\"${name}\", R\"agon_asset(${content})agon_asset\"},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
endforeach()
configure_file(${CMAKE_SOURCE_DIR}/arena/page/embedded.cc.in
  ${CMAKE_BINARY_DIR}/generated/web_assets.cc @ONLY)
target_sources(agon_arena PRIVATE ${CMAKE_BINARY_DIR}/generated/web_assets.cc)
