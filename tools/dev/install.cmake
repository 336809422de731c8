# What `cmake --install` puts where. Paths below lib/ are plain: modules are looked up beside the programs
# (bin/../lib/onecard/modules), and the pkg-config file finds its prefix from its own place.
foreach(program onecardd onecardctl onecard-terminal onecard-copy cardsim)
  # A program's target may carry another name than its file where a library has taken it.
  foreach(candidate ${program} ${program}_program ${program}-bin)
    if(TARGET ${candidate})
      get_target_property(kind ${candidate} TYPE)
      if(kind STREQUAL "EXECUTABLE")
        install(TARGETS ${candidate} RUNTIME DESTINATION bin COMPONENT onecard)
        break()
      endif()
    endif()
  endforeach()
endforeach()

# Every shared object that src/modules makes is a module: adding a module needs no line here.
function(onecard_install_modules folder)
  if(folder MATCHES "^${CMAKE_SOURCE_DIR}/src/modules")
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target ${targets})
      get_target_property(kind ${target} TYPE)
      if(kind STREQUAL "MODULE_LIBRARY" OR kind STREQUAL "SHARED_LIBRARY")
        install(TARGETS ${target} LIBRARY DESTINATION lib/onecard/modules COMPONENT onecard)
      endif()
    endforeach()
  endif()
  get_property(below DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(sub ${below})
    onecard_install_modules(${sub})
  endforeach()
endfunction()
onecard_install_modules(${CMAKE_SOURCE_DIR})

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/onecard DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.proto")
configure_file(${CMAKE_SOURCE_DIR}/conf/onecard-module.pc.in ${CMAKE_BINARY_DIR}/onecard-module.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/onecard-module.pc DESTINATION lib/pkgconfig)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/conf/ DESTINATION share/onecard FILES_MATCHING PATTERN "*.yaml")
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/onecard)
if(EXISTS ${CMAKE_SOURCE_DIR}/docs/man)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/man/ DESTINATION share/man FILES_MATCHING PATTERN "*.[1-8]")
endif()

# The protocol's own documentation, for those who make a terminal from what is installed.
install(FILES ${CMAKE_SOURCE_DIR}/docs/PROTOCOL.md ${CMAKE_SOURCE_DIR}/docs/TERMINAL.md ${CMAKE_SOURCE_DIR}/docs/OPERATIONS.md
  ${CMAKE_SOURCE_DIR}/docs/CHANGES.md DESTINATION share/doc/onecard)

# The prefix is known when it is installed, not when it is configured.
foreach(unit onecardd onecard-terminal onecard-copy)
  install(CODE "set(ONECARD_BINDIR \"\${CMAKE_INSTALL_PREFIX}/bin\")
    configure_file(\"${CMAKE_SOURCE_DIR}/conf/${unit}.service.in\" \"${CMAKE_BINARY_DIR}/${unit}.service\" @ONLY)")
  install(FILES ${CMAKE_BINARY_DIR}/${unit}.service DESTINATION lib/systemd/system)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/conf/onecard.sysusers DESTINATION lib/sysusers.d RENAME onecard.conf)
install(FILES ${CMAKE_SOURCE_DIR}/conf/onecard.tmpfiles DESTINATION lib/tmpfiles.d RENAME onecard.conf)
