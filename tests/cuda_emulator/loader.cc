// dlopen and dlsym of an emulated machine.
#include <dlfcn.h>
#include <nccl.h>

#include <map>
#include <string_view>

#undef dlopen
#undef dlsym

namespace cuda_emulator {
namespace {

constexpr std::string_view kNccl = "libnccl.so.2";

void* NcclFunction(std::string_view name) {
#define AGON_ENTRY(function) \
  { #function, reinterpret_cast < void*>(&function) }
  static const std::map<std::string_view, void*> functions = {
      AGON_ENTRY(ncclGetVersion),   AGON_ENTRY(ncclGetErrorString),
      AGON_ENTRY(ncclGetLastError), AGON_ENTRY(ncclGetUniqueId),
      AGON_ENTRY(ncclCommInitRank), AGON_ENTRY(ncclCommDestroy),
      AGON_ENTRY(ncclCommAbort),    AGON_ENTRY(ncclCommGetAsyncError),
      AGON_ENTRY(ncclGroupStart),   AGON_ENTRY(ncclGroupEnd),
      AGON_ENTRY(ncclSend),         AGON_ENTRY(ncclRecv)};
#undef AGON_ENTRY
  const auto found = functions.find(name);
  return found == functions.end() ? nullptr : found->second;
}

// What stands for the loaded library.
char nccl_handle;

}  // namespace

void* OpenLibrary(const char* file, int flags) {
  if (file != kNccl) return ::dlopen(file, flags);
  // A name that isn't there leaves dlerror's message as for any other.
  return CurrentMachine().has_nccl ? &nccl_handle : ::dlopen("libnccl.so.none", flags);
}

void* FindSymbol(void* library, const char* name) {
  return library == &nccl_handle ? NcclFunction(name) : ::dlsym(library, name);
}

}  // namespace cuda_emulator
