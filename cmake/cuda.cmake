# policy/cuda twice: for GPUs where nvcc is (agon_policy_cuda, and libagon_cuda.so of it, which the
# commands load), and for the tests by the C++ compiler against tests/cuda_emulator
# (agon_policy_cuda_emulated), which needs no CUDA at all.
file(GLOB agon_cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/policy/cuda/*.cu
  ${CMAKE_SOURCE_DIR}/policy/cuda/*.cc)

# Of all that crosses the boundary between the commands and the backend that they load: a number
# that is another when one of these headers is.
file(GLOB agon_boundary CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/policy/*.h)
list(APPEND agon_boundary ${CMAKE_SOURCE_DIR}/core/error.h)
set(agon_boundary_digests "")
foreach(header ${agon_boundary})
  file(SHA256 ${header} digest)
  string(APPEND agon_boundary_digests "${digest}")
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${agon_boundary})
string(SHA256 agon_boundary_digest "${agon_boundary_digests}")
string(SUBSTRING "${agon_boundary_digest}" 0 16 agon_boundary_digest)
# To be called in each directory with a target of the source.
function(agon_name_cuda_interface)
  set_property(SOURCE ${CMAKE_SOURCE_DIR}/policy/cuda_library.cc
    ${CMAKE_SOURCE_DIR}/policy/cuda/library.cc
    PROPERTY COMPILE_DEFINITIONS "AGON_CUDA_INTERFACE=0x${agon_boundary_digest}ull")
endfunction()
agon_name_cuda_interface()

# A CUDA backend that commands load: `objects` and what they need of core.
function(agon_cuda_library name objects)
  add_library(${name} MODULE $<TARGET_OBJECTS:${objects}> $<TARGET_OBJECTS:agon_core>)
  target_link_libraries(${name} PRIVATE ${objects} agon_core)
  # One symbol; the rest is nobody's business, least of all the program's of the same name.
  target_link_options(${name} PRIVATE LINKER:--as-needed
    "LINKER:--version-script=${CMAKE_SOURCE_DIR}/cmake/agon-cuda.map")
  set_target_properties(${name} PROPERTIES
    LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/agon-cuda.map)
endfunction()

set(AGON_HAS_NVCC OFF)
if(NOT AGON_CUDA STREQUAL "OFF")
  find_program(AGON_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda/bin)
  if(AGON_NVCC)
    set(AGON_HAS_NVCC ON)
  elseif(AGON_CUDA STREQUAL "ON")
    message(FATAL_ERROR "AGON_CUDA=ON needs nvcc (CUDA 12.4 or later): put it into the PATH, set "
                        "CUDA_HOME, or configure with -DAGON_CUDA=OFF")
  endif()
endif()

if(AGON_HAS_NVCC)
  set(CMAKE_CUDA_COMPILER ${AGON_NVCC})
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    include(cmake/cuda_architectures.cmake)
    agon_cuda_architectures(${AGON_NVCC} CMAKE_CUDA_ARCHITECTURES)
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # CMake 3.25.1 doesn't know it
  endif()
  find_package(CUDAToolkit 12.4 REQUIRED)
  if(CCACHE)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
  endif()
  add_library(agon_policy_cuda OBJECT ${agon_cuda_sources})
  set_target_properties(agon_policy_cuda PROPERTIES UNITY_BUILD OFF)  # each kernel its constants
  target_include_directories(agon_policy_cuda PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(agon_policy_cuda PUBLIC CUDA::cudart_static CUDA::cublasLt)
  # Of NCCL only the header is needed: the library is loaded when several ranks want it.
  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ENV NCCL_HOME
    PATH_SUFFIXES include)
  if(NCCL_INCLUDE_DIR)
    target_include_directories(agon_policy_cuda SYSTEM PRIVATE ${NCCL_INCLUDE_DIR})
  else()
    message(STATUS "GPUs of several ranks exchange through the host: nccl.h isn't there")
  endif()
  # -fmad=false as -ffp-contract=off: kernels ask for fused multiply-adds by name.
  target_compile_options(agon_policy_cuda PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:-fmad=false;-Xcompiler=-Wall,-Wextra>"
    "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${AGON_WERROR}>>:-Werror=all-warnings>")
  agon_cuda_library(agon_cuda agon_policy_cuda)
  set_target_properties(agon_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib
    INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS agon_cuda LIBRARY DESTINATION lib)
endif()

# Sources are CUDA or C++ for a whole directory: tests/ holds the emulated library.
find_package(Boost 1.74 QUIET COMPONENTS context)
