# find_package(bnfast) gives bnfast::bnfast_static and bnfast::bnfast: the shared library where it
# is installed, else the static one.
include("${CMAKE_CURRENT_LIST_DIR}/bnfastTargets.cmake")
if(NOT TARGET bnfast::bnfast)
  add_library(bnfast::bnfast INTERFACE IMPORTED)
  target_link_libraries(bnfast::bnfast INTERFACE bnfast::bnfast_static)
endif()
