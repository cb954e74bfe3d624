# The GPUs that real code is made for: Ampere, Hopper, and Blackwell where `nvcc` knows it (12.8
# and later). An older nvcc adds PTX for Hopper, which a driver that knows Blackwell translates.
function(agon_cuda_architectures nvcc result)
  execute_process(COMMAND ${nvcc} --list-gpu-arch OUTPUT_VARIABLE known ERROR_QUIET)
  if(known MATCHES "compute_100[^0-9]")
    set(${result} 80-real 90-real 100-real PARENT_SCOPE)
  else()
    set(${result} 80-real 90 PARENT_SCOPE)
  endif()
endfunction()
