# The Python module.
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 CONFIG REQUIRED)

pybind11_add_module(
  _core MODULE
  src_cpp/bindings/affine.cpp
  src_cpp/bindings/arrays.cpp
  src_cpp/bindings/backward.cpp
  src_cpp/bindings/c_table.cpp
  src_cpp/bindings/channel_stats.cpp
  src_cpp/bindings/channels.cpp
  src_cpp/bindings/dtypes.cpp
  src_cpp/bindings/epilogue.cpp
  src_cpp/bindings/forward.cpp
  src_cpp/bindings/frozen.cpp
  src_cpp/bindings/functions.cpp
  src_cpp/bindings/images.cpp
  src_cpp/bindings/inference_fold.cpp
  src_cpp/bindings/layer_call.cpp
  src_cpp/bindings/module.cpp
  src_cpp/bindings/outputs.cpp
  src_cpp/bindings/overlap.cpp
  src_cpp/bindings/plans.cpp
  src_cpp/bindings/preprocess.cpp
  src_cpp/bindings/probes.cpp
  src_cpp/bindings/runtime.cpp
  src_cpp/bindings/scalars.cpp
  src_cpp/bindings/statistics.cpp
  src_cpp/bindings/wrong_calls.cpp
  src_cpp/core/output_memory.cpp)
# The module is optimized as a whole, with the core, whose functions its small calls spend their time
# between; the C library takes the code that lies in the same objects. c_api's are not optimized with
# it: as further callers of the core they would change what is inlined for the module's own.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(bnfast_core PRIVATE -flto -ffat-lto-objects)
endif()
target_include_directories(_core PRIVATE src_cpp ${CMAKE_CURRENT_BINARY_DIR}/include)
target_link_libraries(_core PRIVATE bnfast_c_api bnfast_core ${BNFAST_KERNELS})
if(OpenMP_CXX_FOUND)
  target_link_libraries(_core PRIVATE OpenMP::OpenMP_CXX)
endif()
target_compile_options(_core PRIVATE ${BNFAST_WARNINGS} ${BNFAST_ARITHMETIC} ${BNFAST_CPU})
target_compile_definitions(
  _core PRIVATE BNFAST_VERSION=${PROJECT_VERSION} BNFAST_BUILD_TYPE=${CMAKE_BUILD_TYPE}
                BNFAST_PLATFORM=${CMAKE_SYSTEM_PROCESSOR})

# bnfast.h's functions for Cython's cimport: they are called in _core, through its table.
set(BNFAST_CYTHON python/bnfast/cython_bnfast)
add_custom_command(
  OUTPUT cython_bnfast.c
  DEPENDS ${BNFAST_CYTHON}.pyx ${BNFAST_CYTHON}.pxd
  COMMAND ${Python_EXECUTABLE} -m cython -3 --output-file cython_bnfast.c
          ${CMAKE_CURRENT_SOURCE_DIR}/${BNFAST_CYTHON}.pyx
  VERBATIM)
Python_add_library(cython_bnfast MODULE WITH_SOABI cython_bnfast.c)
set_target_properties(cython_bnfast PROPERTIES C_VISIBILITY_PRESET hidden)

# What Python looks for is seen from outside, nothing else: a bnf_* of another library in the process
# is another function.
foreach(module IN ITEMS _core cython_bnfast)
  target_link_options(
    ${module} PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/python_module.map)
endforeach()
install(TARGETS _core cython_bnfast DESTINATION bnfast)
