# policy/cuda/*.cu twice: for GPUs by nvcc where there is one (agon_policy_cuda), and for the
# tests by the C++ compiler against tests/cuda_emulator (agon_policy_cuda_emulated), which needs
# no CUDA at all.
file(GLOB agon_cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/policy/cuda/*.cu)

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
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100-real)
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
  target_include_directories(agon_policy_cuda PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(agon_policy_cuda PUBLIC CUDA::cudart)
  # -fmad=false as -ffp-contract=off: kernels ask for fused multiply-adds by name.
  target_compile_options(agon_policy_cuda PRIVATE -fmad=false -Xcompiler=-Wall,-Wextra
    $<$<BOOL:${AGON_WERROR}>:-Werror=all-warnings>)
endif()

# Sources are CUDA or C++ for a whole directory: tests/ holds the emulated library.
find_package(Boost 1.74 QUIET COMPONENTS context)
