// The calls of NCCL that the project makes, between emulated GPUs of one process.
//
// Each rank is a host thread with a GPU of its own. A group becomes an operation of its stream,
// which runs when something waits for the stream, and then waits for the other ranks' threads. What
// a rank sends arrives in order. A rank whose communicator is destroyed or aborted is gone: who
// still waits for it finds an asynchronous error that names it; so does who waits for a minute.
// Errors are also memory that isn't the GPU's or ends too early, a peer that isn't there, sizes
// that differ, a call from a thread with another GPU, a GPU with two ranks.
#pragma once

#include <cstddef>

#include "tests/cuda_emulator/runtime.h"

namespace cuda_emulator {
struct NcclRank;
}  // namespace cuda_emulator

// Values as in NCCL 2.28.
enum ncclResult_t {
  ncclSuccess = 0,
  ncclUnhandledCudaError = 1,
  ncclSystemError = 2,
  ncclInternalError = 3,
  ncclInvalidArgument = 4,
  ncclInvalidUsage = 5,
  ncclRemoteError = 6,
  ncclInProgress = 7,
};
enum ncclDataType_t { ncclFloat32 = 7 };

struct ncclUniqueId {
  char internal[128];
};
using ncclComm_t = cuda_emulator::NcclRank*;

ncclResult_t ncclGetVersion(int* version);
const char* ncclGetErrorString(ncclResult_t result);
// Of the calling thread's last failure.
const char* ncclGetLastError(ncclComm_t comm);

ncclResult_t ncclGetUniqueId(ncclUniqueId* id);
// Waits for all ranks.
ncclResult_t ncclCommInitRank(ncclComm_t* comm, int num_ranks, ncclUniqueId id, int rank);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error);

ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream);
