# The emulator, the kernels compiled against it, and the tests of both. tests/cuda holds the
# tests of kernels: run in the emulator everywhere, and on the GPU (label `gpu`) where nvcc is.
function(agon_cuda_tests target prefix)
  target_link_libraries(${target} PRIVATE ${AGON_FOLDERS} test_folder GTest::gtest
    GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1> ${agon_plain_if_sanitized})
  gtest_discover_tests(${target} TEST_PREFIX ${prefix}. TEST_FILTER "-*Slow*" DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 ${ARGN})
endfunction()
file(GLOB cuda_test_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*_test.cc)

if(TARGET Boost::context)
  file(GLOB emulator_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda_emulator/*.cc)
  set(emulator_tests ${emulator_sources})
  list(FILTER emulator_sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER emulator_tests INCLUDE REGEX "_test\\.cc$")
  add_library(cuda_emulator STATIC ${emulator_sources})
  target_include_directories(cuda_emulator PUBLIC ${CMAKE_SOURCE_DIR}
    ${CMAKE_CURRENT_SOURCE_DIR}/cuda_emulator/include)
  target_link_libraries(cuda_emulator PUBLIC Boost::context OpenMP::OpenMP_CXX)
  # #pragma unroll is nvcc's.
  target_compile_options(cuda_emulator INTERFACE -Wno-unknown-pragmas)
  if(AGON_SANITIZE)
    # The emulator's own check of alignment names block and thread.
    target_compile_options(cuda_emulator INTERFACE -fno-sanitize=alignment)
  endif()

  set_source_files_properties(${agon_cuda_sources} PROPERTIES LANGUAGE CXX)
  agon_name_cuda_interface()
  add_library(agon_policy_cuda_emulated OBJECT ${agon_cuda_sources})
  target_link_libraries(agon_policy_cuda_emulated PUBLIC cuda_emulator)
  set_target_properties(agon_policy_cuda_emulated PROPERTIES UNITY_BUILD OFF)

  # What a build without nccl.h has in its place, under a name of its own.
  add_library(agon_without_nccl OBJECT ${CMAKE_SOURCE_DIR}/policy/cuda/nccl_exchange.cc)
  target_link_libraries(agon_without_nccl PUBLIC cuda_emulator)
  target_compile_definitions(agon_without_nccl PRIVATE AGON_WITHOUT_NCCL
    NewNcclExchange=NewExchangeWithoutNccl)
  set_target_properties(agon_without_nccl PROPERTIES UNITY_BUILD OFF)

  add_executable(cuda_emulator_test ${emulator_tests} ${cuda_test_sources})
  target_link_libraries(cuda_emulator_test PRIVATE agon_policy_cuda_emulated agon_without_nccl)
  agon_cuda_tests(cuda_emulator_test cuda_emulator)
  gtest_discover_tests(cuda_emulator_test TEST_PREFIX cuda_emulator. TEST_FILTER "*Slow*"
    TEST_LIST cuda_emulator_slow_tests DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 1200 LABELS slow)
  # All of it again, with threads and blocks in another order.
  add_test(NAME cuda_emulator.InAnotherOrder
    COMMAND cuda_emulator_test --gtest_brief=1 --gtest_filter=-*Slow*)
  set_tests_properties(cuda_emulator.InAnotherOrder PROPERTIES LABELS slow TIMEOUT 2400
    ENVIRONMENT CUDA_EMULATOR_ORDER=7)
  # The emulated backend as commands load it, for tests/apps.
  agon_cuda_library(agon_cuda_emulated agon_policy_cuda_emulated)
  set_target_properties(agon_cuda_emulated PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
else()
  message(STATUS "CUDA kernels aren't tested: Boost.Context (libboost-context-dev) isn't there")
endif()

if(AGON_HAS_NVCC AND cuda_test_sources)
  add_executable(cuda_gpu_test ${cuda_test_sources} $<TARGET_OBJECTS:agon_policy_cuda>)
  target_link_libraries(cuda_gpu_test PRIVATE CUDA::cudart_static CUDA::cublasLt)
  agon_cuda_tests(cuda_gpu_test gpu LABELS gpu)
endif()
