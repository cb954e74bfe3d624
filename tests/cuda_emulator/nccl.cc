// NCCL between emulated GPUs: ranks are threads, what they send is copied when both are there.
#include <nccl.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/cuda_emulator/device.h"
#include "tests/cuda_emulator/device_memory.h"
#include "tests/cuda_emulator/stream.h"

namespace cuda_emulator {
namespace {

constexpr int kVersion = 22809;
constexpr auto kPatience = std::chrono::seconds(60);

// What a rank sends, until another has copied it.
struct Parcel {
  const void* data;
  size_t bytes;
  bool is_taken = false;
};

// The ranks of one unique id.
struct World {
  explicit World(int size) : gpus(static_cast<size_t>(size), -1), gone(gpus.size(), 0) {}

  bool IsComplete() const { return std::find(gpus.begin(), gpus.end(), -1) == gpus.end(); }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> gpus;   // by rank; -1: hasn't joined
  std::vector<char> gone;  // by rank
  std::map<std::pair<int, int>, std::deque<std::shared_ptr<Parcel>>> mail;  // by (from, to)
};

struct Transfer {
  int peer;
  const void* from;  // one of the two
  void* to;
  size_t bytes;
};

}  // namespace

struct NcclRank {
  std::shared_ptr<World> world;
  int rank;
  int gpu;
  ncclResult_t error = ncclSuccess;  // asynchronous

  bool IsPeer(int peer) const {
    return peer >= 0 && peer < static_cast<int>(world->gpus.size()) && peer != rank;
  }
};

namespace {

thread_local std::string last_failure;
thread_local int group_depth = 0;
struct Group {
  NcclRank* rank;
  cudaStream_t stream;
  std::vector<Transfer> transfers;
};
thread_local std::vector<Group> groups;

std::mutex registry_mutex;
uint64_t num_ids = 0;
std::map<std::string, std::shared_ptr<World>> worlds;
std::set<const NcclRank*> live;

ncclResult_t Fail(ncclResult_t result, std::string why) {
  last_failure = std::move(why);
  return result;
}

bool IsLive(const NcclRank* rank) {
  const std::lock_guard lock(registry_mutex);
  return live.contains(rank);
}

std::string Name(int rank) { return "rank " + std::to_string(rank); }

// Waits until `is_there()` or the peer is gone. False, with the rank's error, if it can't be.
bool Await(NcclRank& rank, int peer, std::unique_lock<std::mutex>& lock,
           const std::function<bool()>& is_there) {
  World& world = *rank.world;
  const auto is_gone = [&] { return world.gone[static_cast<size_t>(peer)] != 0; };
  const bool came =
      world.changed.wait_for(lock, kPatience, [&] { return is_there() || is_gone(); });
  if (is_there()) return true;
  rank.error = came ? Fail(ncclRemoteError, Name(peer) + " has left")
                    : Fail(ncclInternalError, Name(peer) + " doesn't come");
  return false;
}

using Sent = std::vector<std::pair<int, std::shared_ptr<Parcel>>>;

// Memory of a rank that gave up may go: nobody takes it any more.
void Retract(NcclRank& rank, const Sent& sent) {
  for (const auto& [peer, parcel] : sent) std::erase(rank.world->mail[{rank.rank, peer}], parcel);
}

// Transfers of one rank, in its stream. False, with the rank's error, if one can't be.
bool RunTransfers(NcclRank& rank, const std::vector<Transfer>& transfers,
                  std::unique_lock<std::mutex>& lock, Sent& sent) {
  World& world = *rank.world;
  for (const Transfer& t : transfers) {
    if (!t.from) continue;
    sent.emplace_back(t.peer, std::make_shared<Parcel>(Parcel{t.from, t.bytes}));
    world.mail[{rank.rank, t.peer}].push_back(sent.back().second);
  }
  world.changed.notify_all();
  for (const Transfer& t : transfers) {
    if (!t.to) continue;
    auto& mail = world.mail[{t.peer, rank.rank}];
    if (!Await(rank, t.peer, lock, [&] { return !mail.empty(); })) return false;
    Parcel& parcel = *mail.front();
    if (parcel.bytes != t.bytes) {
      rank.error =
          Fail(ncclInvalidUsage, Name(t.peer) + " sends " + std::to_string(parcel.bytes) +
                                     " bytes, " + std::to_string(t.bytes) + " are expected");
      return false;
    }
    std::memcpy(t.to, parcel.data, t.bytes);
    parcel.is_taken = true;
    mail.pop_front();
    world.changed.notify_all();
  }
  for (const auto& [peer, parcel] : sent) {
    if (!Await(rank, peer, lock, [&parcel = parcel] { return parcel->is_taken; })) return false;
  }
  return true;
}

void RunGroup(NcclRank& rank, const std::vector<Transfer>& transfers) {
  if (!IsLive(&rank)) return;
  std::unique_lock lock(rank.world->mutex);
  Sent sent;
  if (!RunTransfers(rank, transfers, lock, sent)) Retract(rank, sent);
}

ncclResult_t Add(NcclRank* rank, cudaStream_t stream, const Transfer& transfer) {
  if (!IsLive(rank)) return Fail(ncclInvalidArgument, "no such communicator");
  if (!rank->IsPeer(transfer.peer)) return Fail(ncclInvalidArgument, "no such peer");
  if (CurrentGpu() != rank->gpu) return Fail(ncclInvalidUsage, "the thread has another GPU");
  const void* const memory = transfer.from ? transfer.from : transfer.to;
  if (!DeviceMemory::Instance().Holds(memory, transfer.bytes)) {
    return Fail(ncclInvalidArgument, "memory isn't the GPU's");
  }
  if (group_depth == 0) return Fail(ncclInvalidUsage, "outside of a group it may wait for ever");
  auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
    return group.rank == rank && group.stream == stream;
  });
  if (found == groups.end()) found = groups.insert(found, {rank, stream, {}});
  found->transfers.push_back(transfer);
  return ncclSuccess;
}

ncclResult_t Leave(NcclRank* rank) {
  {
    const std::lock_guard lock(registry_mutex);
    if (live.erase(rank) == 0) return Fail(ncclInvalidArgument, "no such communicator");
  }
  {
    const std::lock_guard lock(rank->world->mutex);
    rank->world->gone[static_cast<size_t>(rank->rank)] = 1;
    rank->world->changed.notify_all();
  }
  delete rank;
  return ncclSuccess;
}

}  // namespace
}  // namespace cuda_emulator

using cuda_emulator::Fail;
using cuda_emulator::World;

ncclResult_t ncclGetVersion(int* version) {
  *version = cuda_emulator::kVersion;
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    default:
      return "internal error";
  }
}
const char* ncclGetLastError(ncclComm_t) { return cuda_emulator::last_failure.c_str(); }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const std::lock_guard lock(cuda_emulator::registry_mutex);
  *id = {};
  const std::string name = "emulated " + std::to_string(++cuda_emulator::num_ids);
  std::memcpy(id->internal, name.data(), name.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int num_ranks, ncclUniqueId id, int rank) {
  if (num_ranks < 1 || rank < 0 || rank >= num_ranks) {
    return Fail(ncclInvalidArgument, "no such rank");
  }
  std::shared_ptr<World> world;
  {
    const std::lock_guard lock(cuda_emulator::registry_mutex);
    auto& found = cuda_emulator::worlds[id.internal];
    if (!found) found = std::make_shared<World>(num_ranks);
    world = found;
  }
  const int gpu = cuda_emulator::CurrentGpu();
  std::unique_lock lock(world->mutex);
  auto& gpus = world->gpus;
  if (static_cast<int>(gpus.size()) != num_ranks || gpus[static_cast<size_t>(rank)] != -1) {
    return Fail(ncclInvalidUsage, "ranks don't agree on how many they are, or on their numbers");
  }
  gpus[static_cast<size_t>(rank)] = gpu;
  world->changed.notify_all();
  if (!world->changed.wait_for(lock, cuda_emulator::kPatience,
                               [&] { return world->IsComplete(); })) {
    return Fail(ncclSystemError, "not all ranks come");
  }
  if (std::count(gpus.begin(), gpus.end(), gpu) > 1) {
    return Fail(ncclInvalidUsage, "Duplicate GPU detected");
  }
  *comm = new cuda_emulator::NcclRank{world, rank, gpu};
  const std::lock_guard registry_lock(cuda_emulator::registry_mutex);
  cuda_emulator::live.insert(*comm);
  cuda_emulator::worlds.erase(id.internal);
  return ncclSuccess;
}
ncclResult_t ncclCommDestroy(ncclComm_t comm) { return cuda_emulator::Leave(comm); }
ncclResult_t ncclCommAbort(ncclComm_t comm) { return cuda_emulator::Leave(comm); }
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  if (!cuda_emulator::IsLive(comm)) return Fail(ncclInvalidArgument, "no such communicator");
  *error = comm->error;
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++cuda_emulator::group_depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (cuda_emulator::group_depth == 0) return Fail(ncclInvalidUsage, "no group was started");
  if (--cuda_emulator::group_depth > 0) return ncclSuccess;
  for (auto& group : std::exchange(cuda_emulator::groups, {})) {
    cuda_emulator::Streams::Instance().Add(
        group.stream, [rank = group.rank, transfers = std::move(group.transfers)] {
          cuda_emulator::RunGroup(*rank, transfers);
        });
  }
  return ncclSuccess;
}
ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  if (!from || type != ncclFloat32) return Fail(ncclInvalidArgument, "nothing to send");
  return cuda_emulator::Add(comm, stream, {peer, from, nullptr, count * sizeof(float)});
}
ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  if (!to || type != ncclFloat32) return Fail(ncclInvalidArgument, "no place to receive");
  return cuda_emulator::Add(comm, stream, {peer, nullptr, to, count * sizeof(float)});
}
