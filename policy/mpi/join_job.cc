// Communicator over MPI. Its build has AGON_MPI and MPI's headers, or neither.
#include "policy/communicator.h"
#include "policy/mpi/launcher.h"

#ifdef AGON_MPI
#include <mpi.h>
#endif

#include <climits>

#include "core/error.h"

namespace agon::policy {

#ifdef AGON_MPI
namespace {

[[noreturn]] void ThrowTooLarge() {
  throw Error(ErrorKind::kUnsupported, "more than 2 GiB in one exchange", "MPI",
              "use fewer shards on a rank, or a smaller model");
}

// Offsets of parts that lie one after another, and their sum behind them.
std::vector<int> Offsets(const std::vector<int>& sizes) {
  std::vector<int> offsets = {0};
  for (const int size : sizes) {
    if (size > INT_MAX - offsets.back()) ThrowTooLarge();
    offsets.push_back(offsets.back() + size);
  }
  return offsets;
}

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::vector<std::string> Exchange(std::vector<std::string> parts) override {
    const auto ranks = static_cast<size_t>(size_);
    AGON_CHECK(parts.size() == ranks, "one part for each rank");
    std::vector<int> sent(ranks), received(ranks);
    std::string out;
    for (size_t r = 0; r < ranks; ++r) {
      if (parts[r].size() > INT_MAX) ThrowTooLarge();
      sent[r] = static_cast<int>(parts[r].size());
      out += parts[r];
    }
    MPI_Alltoall(sent.data(), 1, MPI_INT, received.data(), 1, MPI_INT, MPI_COMM_WORLD);
    const std::vector<int> sent_at = Offsets(sent), received_at = Offsets(received);
    std::string in(static_cast<size_t>(received_at.back()), '\0');
    MPI_Alltoallv(out.data(), sent.data(), sent_at.data(), MPI_BYTE, in.data(), received.data(),
                  received_at.data(), MPI_BYTE, MPI_COMM_WORLD);
    for (size_t r = 0; r < ranks; ++r) {
      parts[r] = in.substr(static_cast<size_t>(received_at[r]), static_cast<size_t>(received[r]));
    }
    return parts;
  }

  void Leave(int status) override {
    if (status == 0 || status == Error(ErrorKind::kInterrupted, "").ExitStatus()) {
      MPI_Finalize();
    } else {
      MPI_Abort(MPI_COMM_WORLD, status);
    }
  }

 private:
  int rank_ = 0, size_ = 1;
};

}  // namespace

std::unique_ptr<Communicator> JoinJob() {
  if (LaunchedProcesses() == 1) return NewSoloCommunicator();
  return std::make_unique<MpiCommunicator>();
}

#else

std::unique_ptr<Communicator> JoinJob() {
  if (LaunchedProcesses() > 1) {
    throw Error(ErrorKind::kUnsupported,
                "several processes were launched, but this build has no MPI", "",
                "install libopenmpi-dev and build again");
  }
  return NewSoloCommunicator();
}

#endif

}  // namespace agon::policy
