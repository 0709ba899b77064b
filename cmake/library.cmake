# The C library, static and shared, and what finds it once it is installed.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

configure_file(src_cpp/include/bnfast_version.h.in include/bnfast_version.h @ONLY)
set(BNFAST_HEADERS src_cpp/include/bnfast.h ${CMAKE_CURRENT_BINARY_DIR}/include/bnfast_version.h)

add_library(
  bnfast_c_api OBJECT
  src_cpp/c_api/arguments.cpp
  src_cpp/c_api/images.cpp
  src_cpp/c_api/maps.cpp
  src_cpp/c_api/runtime.cpp
  src_cpp/c_api/statistics.cpp
  src_cpp/c_api/training.cpp)
target_include_directories(bnfast_c_api PRIVATE src_cpp ${CMAKE_CURRENT_BINARY_DIR}/include)
target_compile_options(bnfast_c_api PRIVATE ${BNFAST_WARNINGS} ${BNFAST_ARITHMETIC} ${BNFAST_CPU}
                                            -fno-exceptions -fno-rtti)
set(BNFAST_OBJECTS $<TARGET_OBJECTS:bnfast_c_api> $<TARGET_OBJECTS:bnfast_core>)
foreach(kernels IN LISTS BNFAST_KERNELS)
  list(APPEND BNFAST_OBJECTS $<TARGET_OBJECTS:${kernels}>)
endforeach()

# One object, in which only what bnfast.h declares is global: no name of the library's inside can
# meet one of a program's, or of another copy of it.
add_custom_command(
  OUTPUT bnfast.o
  DEPENDS bnfast_c_api bnfast_core ${BNFAST_KERNELS} ${BNFAST_OBJECTS} cmake/one_object.ld
  COMMAND ${CMAKE_CXX_COMPILER} -r -nostdlib -fno-lto -fno-use-linker-plugin -Wl,--force-group-allocation
          -Wl,-T,${CMAKE_CURRENT_SOURCE_DIR}/cmake/one_object.ld -o bnfast.o
          ${BNFAST_OBJECTS}
  COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=bnf_* --strip-unneeded
          --remove-section=.gnu.lto_* --remove-section=.gnu.debuglto_* bnfast.o
  COMMAND_EXPAND_LISTS VERBATIM)

function(bnfast_library target)
  target_include_directories(
    ${target} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/src_cpp/include>
                     $<BUILD_INTERFACE:${CMAKE_CURRENT_BINARY_DIR}/include>
                     $<INSTALL_INTERFACE:${BNFAST_INCLUDEDIR}>)
  # C alone links it: nothing of the C++ library is needed.
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C OUTPUT_NAME bnfast)
  add_library(bnfast::${target} ALIAS ${target})
endfunction()

if(BNFAST_PYTHON)
  # A wheel: all below the package; no shared library, whose links by version it cannot hold.
  set(BNFAST_LIBDIR bnfast/lib)
  set(BNFAST_INCLUDEDIR bnfast/include)
  set(BNFAST_INSTALLED bnfast_static)
  set(BNFAST_PC_LIBS ${BNFAST_SYSTEM_LIBRARIES})
  set(BNFAST_PC_LIBS_PRIVATE)
else()
  set(BNFAST_LIBDIR ${CMAKE_INSTALL_LIBDIR})
  set(BNFAST_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
  set(BNFAST_INSTALLED bnfast_static bnfast)
  set(BNFAST_PC_LIBS)
  set(BNFAST_PC_LIBS_PRIVATE ${BNFAST_SYSTEM_LIBRARIES})
endif()

add_library(bnfast_static STATIC ${CMAKE_CURRENT_BINARY_DIR}/bnfast.o)
bnfast_library(bnfast_static)
target_link_libraries(bnfast_static INTERFACE ${BNFAST_SYSTEM_LIBRARIES})
if(bnfast IN_LIST BNFAST_INSTALLED)
  add_library(bnfast SHARED ${CMAKE_CURRENT_BINARY_DIR}/bnfast.o)
  bnfast_library(bnfast)
  add_dependencies(bnfast bnfast_static)  # one of the two makes the object
  target_link_libraries(bnfast PRIVATE ${BNFAST_SYSTEM_LIBRARIES})
  set_target_properties(bnfast PROPERTIES VERSION ${PROJECT_VERSION}
                                          SOVERSION ${PROJECT_VERSION_MAJOR})
endif()

set(BNFAST_CMAKEDIR ${BNFAST_LIBDIR}/cmake/bnfast)
set(BNFAST_PCDIR ${BNFAST_LIBDIR}/pkgconfig)
install(TARGETS ${BNFAST_INSTALLED} EXPORT bnfastTargets ARCHIVE DESTINATION ${BNFAST_LIBDIR}
        LIBRARY DESTINATION ${BNFAST_LIBDIR})
install(FILES ${BNFAST_HEADERS} DESTINATION ${BNFAST_INCLUDEDIR})
install(EXPORT bnfastTargets NAMESPACE bnfast:: DESTINATION ${BNFAST_CMAKEDIR})
write_basic_package_version_file(bnfastConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/bnfastConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/bnfastConfigVersion.cmake
        DESTINATION ${BNFAST_CMAKEDIR})

# From where bnfast.pc lies, so that all of it can be moved.
file(RELATIVE_PATH BNFAST_PC_TO_LIB /${BNFAST_PCDIR} /${BNFAST_LIBDIR})
file(RELATIVE_PATH BNFAST_PC_TO_INCLUDE /${BNFAST_PCDIR} /${BNFAST_INCLUDEDIR})
list(TRANSFORM BNFAST_PC_LIBS PREPEND -l)
list(TRANSFORM BNFAST_PC_LIBS_PRIVATE PREPEND -l)
list(JOIN BNFAST_PC_LIBS " " BNFAST_PC_LIBS)
list(JOIN BNFAST_PC_LIBS_PRIVATE " " BNFAST_PC_LIBS_PRIVATE)
configure_file(cmake/bnfast.pc.in bnfast.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bnfast.pc DESTINATION ${BNFAST_PCDIR})
