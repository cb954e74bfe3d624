// The processes ("ranks") that train one model together.
//
// Calls are collective: every rank makes the same ones in the same order, from one thread.
// What comes back is a pure function of what the ranks gave, whatever the timing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agon::policy {

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;  // of this process, [0, size)
  virtual int size() const = 0;
  bool is_leader() const { return rank() == 0; }

  // parts[r] (size()) goes to rank r; what each rank sent to this one, by rank. Throws
  // Error(kUnsupported) above 2 GiB from or to one rank.
  virtual std::vector<std::string> Exchange(std::vector<std::string> parts) = 0;
  // What every rank gave, by rank. (Not in a source of its own: libagon_cuda.so calls it, too.)
  std::vector<std::string> AllGather(std::string_view mine) {
    return Exchange(std::vector<std::string>(static_cast<size_t>(size()), std::string(mine)));
  }
  // Returns once every rank has called it.
  void Barrier() { AllGather(""); }
  // Whether any rank says so.
  bool Any(bool mine);

  // The last call, with the process's exit status. After 0, and after 130 (all ranks stop at
  // the same step), it waits for the others; after another it ends all of them.
  virtual void Leave(int status) = 0;
};

// This process alone.
std::unique_ptr<Communicator> NewSoloCommunicator();

// The job that this process was started in, by mpirun or another launcher that MPI knows;
// otherwise, or in a build without MPI, this process alone. Once per process. Throws
// Error(kUnsupported) if a launcher started several processes and this build has no MPI.
std::unique_ptr<Communicator> JoinJob();

}  // namespace agon::policy
