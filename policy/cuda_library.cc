#include "policy/cuda_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/error.h"

// Weak: there in a program that is linked with the backend (its tests), else null.
extern "C" [[gnu::weak]] const agon::policy::CudaLibrary* AgonCudaLibrary();

namespace agon::policy {
namespace {

constexpr char kSymbol[] = "AgonCudaLibrary";
constexpr char kUseCpu[] = "or use the device cpu";

fs::path LibraryFile() {
  if (const char* file = std::getenv("AGON_CUDA_LIBRARY"); file && *file) return file;
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  return program.parent_path().parent_path() / "lib" / "libagon_cuda.so";
}

const CudaLibrary* Open(const fs::path& file) {
  if (!fs::exists(file)) {
    throw Error(ErrorKind::kUnsupported, "this build of agon has no CUDA backend", file.string(),
                std::string("build it where nvcc (CUDA 12.4 or later) is in the PATH, ") + kUseCpu);
  }
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    throw Error(ErrorKind::kUnsupported,
                std::string("the CUDA backend can't be loaded: ") + (why ? why : "no reason given"),
                file.string(),
                std::string("install the CUDA libraries (cuBLAS), let LD_LIBRARY_PATH name their "
                            "folder, ") +
                    kUseCpu);
  }
  const auto get = reinterpret_cast<decltype(&AgonCudaLibrary)>(::dlsym(library, kSymbol));
  if (!get) {
    throw Error(ErrorKind::kCorrupt, "is no CUDA backend of agon", file.string(),
                "let AGON_CUDA_LIBRARY name libagon_cuda.so, or unset it");
  }
  const CudaLibrary* found = get();
  if (found->interface != AGON_CUDA_INTERFACE) {
    throw Error(ErrorKind::kUnsupported, "the CUDA backend is of another build of agon",
                file.string(), std::string("build the target agon_cuda again, ") + kUseCpu);
  }
  return found;
}

}  // namespace

const CudaLibrary& LoadCudaLibrary() {
  static const CudaLibrary* const library =
      AgonCudaLibrary ? AgonCudaLibrary() : Open(LibraryFile());
  return *library;
}

}  // namespace agon::policy
