# agon_add_environment(TARGET SOURCE...): a shared object with one exported symbol.
set(AGON_EXPORTS "${CMAKE_CURRENT_LIST_DIR}/agon-plugin.map")

function(agon_add_environment target)
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE agon::env)
  # The entry stands in an archive that nothing else asks for; all else stays inside, so
  # that two plugins, or a plugin and the program, never share a symbol by accident.
  target_link_options(${target} PRIVATE
    LINKER:-u,agon_plugin LINKER:--version-script=${AGON_EXPORTS} LINKER:--gc-sections)
  # Clang's sanitizers stand in the program that loads the plugin, not in the plugin.
  if(NOT AGON_SANITIZE)
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
  set_target_properties(${target} PROPERTIES PREFIX "" LINK_DEPENDS ${AGON_EXPORTS})
endfunction()
