// CUDA_EMULATOR_ASAN is defined where AddressSanitizer is on, for either compiler.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define CUDA_EMULATOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDA_EMULATOR_ASAN 1
#endif
#endif
