# One object library per instruction set: the same kernels, compiled for each.
include(CheckCXXCompilerFlag)

set(BNFAST_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
set(BNFAST_FLAGS_v3 -march=x86-64-v3)
set(BNFAST_FLAGS_v2 -march=x86-64-v2)
set(BNFAST_FLAGS_neon)
set(BNFAST_FLAGS_portable)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(BNFAST_KNOWN v4 v3 v2)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(BNFAST_KNOWN neon)
else()
  set(BNFAST_KNOWN)
endif()
set(BNFAST_WANTED ${BNFAST_ISAS})
if(NOT BNFAST_WANTED)
  set(BNFAST_WANTED ${BNFAST_KNOWN})
endif()

set(BNFAST_KERNELS)
set(BNFAST_DEFINITIONS)
function(bnfast_add_isa name)
  # What takes longest to compile first.
  add_library(
    bnfast_${name} OBJECT
    src_cpp/kernels/float32.cpp
    src_cpp/kernels/bfloat16.cpp
    src_cpp/kernels/float16.cpp
    src_cpp/kernels/integers.cpp
    src_cpp/kernels/pixels.cpp
    src_cpp/kernels/float64.cpp
    src_cpp/kernels/table.cpp)
  target_include_directories(bnfast_${name} PRIVATE src_cpp)
  # Functions begin with a cache line: the same map of planes took 1.05 to 1.2 times as long (AMD Zen
  # 3) where its loop lay across lines that other code had moved it to.
  target_compile_options(
    bnfast_${name} PRIVATE ${BNFAST_WARNINGS}
                           "$<$<NOT:$<CONFIG:MinSizeRel>>:-O3;-falign-functions=64>"
                           ${BNFAST_ARITHMETIC} -fno-exceptions -fno-rtti ${BNFAST_FLAGS_${name}})
  target_compile_definitions(
    bnfast_${name} PRIVATE BNFAST_ISA_HEADER="kernels/isa_${name}.hpp" ${BNFAST_TYPES})
  string(TOUPPER ${name} upper)
  set(BNFAST_KERNELS ${BNFAST_KERNELS} bnfast_${name} PARENT_SCOPE)
  set(BNFAST_DEFINITIONS ${BNFAST_DEFINITIONS} BNFAST_HAS_${upper} PARENT_SCOPE)
  message(STATUS "bnfast: kernels for ${name}")
endfunction()

foreach(name IN LISTS BNFAST_WANTED)
  if(NOT name IN_LIST BNFAST_KNOWN AND NOT name STREQUAL portable)
    message(FATAL_ERROR "bnfast: no instruction set ${name} on ${CMAKE_SYSTEM_PROCESSOR}: "
                        "BNFAST_ISAS may list ${BNFAST_KNOWN};portable")
  endif()
  string(REGEX MATCH "-march=[^;]+" architecture "${BNFAST_FLAGS_${name}}")
  if(architecture)
    check_cxx_compiler_flag(${architecture} BNFAST_COMPILES_${name})
  endif()
  if(NOT architecture OR BNFAST_COMPILES_${name})
    bnfast_add_isa(${name})
  else()
    message(STATUS "bnfast: no kernels for ${name}: the compiler lacks ${architecture}")
  endif()
endforeach()
if(NOT BNFAST_KERNELS)
  bnfast_add_isa(portable)
endif()
