// The loader, which on an emulated machine finds the stand-in for NCCL where the machine has it.
#pragma once

#include_next <dlfcn.h>

namespace cuda_emulator {

void* OpenLibrary(const char* file, int flags);
void* FindSymbol(void* library, const char* name);

}  // namespace cuda_emulator

#define dlopen cuda_emulator::OpenLibrary
#define dlsym cuda_emulator::FindSymbol
