#include "policy/cuda/nccl_library.h"

#if AGON_HAS_NCCL

#include <dlfcn.h>

namespace agon::policy::cuda {
namespace {

constexpr char kFile[] = "libnccl.so.2";

// Into `function`; a missing one is remembered in `missing`.
template <typename Function>
void Find(void* nccl, const char* name, Function& function, std::string& missing) {
  function = reinterpret_cast<Function>(::dlsym(nccl, name));
  if (!function) missing = name;
}

}  // namespace

bool LoadNccl(NcclLibrary& library, std::string& problem) {
  void* const nccl = ::dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (!nccl) {
    const char* why = ::dlerror();
    problem = std::string("NCCL can't be loaded: ") + (why ? why : kFile);
    return false;
  }
  std::string missing;
  Find(nccl, "ncclGetVersion", library.get_version, missing);
  Find(nccl, "ncclGetErrorString", library.get_error_string, missing);
  Find(nccl, "ncclGetLastError", library.get_last_error, missing);
  Find(nccl, "ncclGetUniqueId", library.get_unique_id, missing);
  Find(nccl, "ncclCommInitRank", library.comm_init_rank, missing);
  Find(nccl, "ncclCommDestroy", library.comm_destroy, missing);
  Find(nccl, "ncclCommAbort", library.comm_abort, missing);
  Find(nccl, "ncclCommGetAsyncError", library.comm_get_async_error, missing);
  Find(nccl, "ncclGroupStart", library.group_start, missing);
  Find(nccl, "ncclGroupEnd", library.group_end, missing);
  Find(nccl, "ncclSend", library.send, missing);
  Find(nccl, "ncclRecv", library.receive, missing);
  if (missing.empty()) return true;
  problem = std::string(kFile) + " has no " + missing + ": NCCL 2.13 or later is needed";
  return false;
}

}  // namespace agon::policy::cuda

#endif
