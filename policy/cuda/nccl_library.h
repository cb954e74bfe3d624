// NCCL, loaded when ranks want it: the backend works where it isn't installed. Without nccl.h at
// build time AGON_HAS_NCCL is 0, and there is nothing to load: also where AGON_WITHOUT_NCCL asks
// for that, as tests do.
#pragma once

#if __has_include(<nccl.h>) && !defined(AGON_WITHOUT_NCCL)
#define AGON_HAS_NCCL 1

#include <nccl.h>

#include <string>

namespace agon::policy::cuda {

// The calls that are used. NCCL 2.13 (2022) has them all.
struct NcclLibrary {
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetErrorString) get_error_string;
  decltype(&ncclGetLastError) get_last_error;
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRank) comm_init_rank;
  decltype(&ncclCommDestroy) comm_destroy;
  decltype(&ncclCommAbort) comm_abort;
  decltype(&ncclCommGetAsyncError) comm_get_async_error;
  decltype(&ncclGroupStart) group_start;
  decltype(&ncclGroupEnd) group_end;
  decltype(&ncclSend) send;
  decltype(&ncclRecv) receive;
};

// False with the reason if it isn't there or too old. Never unloaded.
bool LoadNccl(NcclLibrary& library, std::string& problem);

}  // namespace agon::policy::cuda

#else
#define AGON_HAS_NCCL 0
#endif
