# The Python module.
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
find_package(pybind11 CONFIG REQUIRED)

pybind11_add_module(
  _core MODULE
  src_cpp/bindings/affine.cpp
  src_cpp/bindings/arrays.cpp
  src_cpp/bindings/backward.cpp
  src_cpp/bindings/channel_stats.cpp
  src_cpp/bindings/channels.cpp
  src_cpp/bindings/dtypes.cpp
  src_cpp/bindings/epilogue.cpp
  src_cpp/bindings/forward.cpp
  src_cpp/bindings/functions.cpp
  src_cpp/bindings/images.cpp
  src_cpp/bindings/inference.cpp
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
# between; the C library takes the code that lies in the same objects.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(bnfast_core PRIVATE -flto -ffat-lto-objects)
endif()
target_include_directories(_core PRIVATE src_cpp)
target_link_libraries(_core PRIVATE bnfast_core ${BNFAST_KERNELS})
if(OpenMP_CXX_FOUND)
  target_link_libraries(_core PRIVATE OpenMP::OpenMP_CXX)
endif()
target_compile_options(_core PRIVATE ${BNFAST_WARNINGS} ${BNFAST_ARITHMETIC})
target_compile_definitions(
  _core PRIVATE BNFAST_VERSION=${PROJECT_VERSION} BNFAST_BUILD_TYPE=${CMAKE_BUILD_TYPE}
                BNFAST_PLATFORM=${CMAKE_SYSTEM_PROCESSOR})
install(TARGETS _core DESTINATION bnfast)
