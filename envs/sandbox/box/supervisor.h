// The supervisor: one thread, one loop over the sockets of the host, of the warm
// interpreter and of each box.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "envs/sandbox/box/cgroup.h"
#include "envs/sandbox/box/member.h"
#include "envs/sandbox/box/root.h"

namespace agon::envs::box {

struct SupervisorOptions {
  std::string python;
  bool use_cgroup = true;
  bool isolated = true;
  int num_ready = 8;
  std::vector<std::string> read_only_paths;
};

class Supervisor {
 public:
  // Probes the machine and starts the warm interpreter. Throws Failure.
  Supervisor(SupervisorOptions options, Descriptor host);

  // One line for people.
  std::string Describe() const;

  // Serves until the host hangs up. Throws Failure if the warm interpreter dies.
  void Run();

 private:
  void Refill();
  void MakeBox();
  int LeastUsedNet() const;
  bool ForkUnisolated(Member* member, Member::Ends* ends);
  void ReadZygote();
  void ReadHost();
  void Answer();
  void Refuse(const std::string& reason);
  void Wait();
  void Drop(std::list<Member>::iterator member);

  SupervisorOptions options_;
  std::string python_;
  std::string version_;
  int landlock_abi_ = 0;
  CgroupRoot groups_;
  Descriptor host_;
  Zygote zygote_;
  int serial_ = 0;
  int num_failures_ = 0;                           // of making boxes, in a row
  int64_t retry_ns_ = 0;                           // no box is made before
  std::list<Member> members_;                      // in the order of their making
  std::list<std::list<Member>::iterator> making_;  // asked of the interpreter, in order
  std::list<wire::Limits> requests_;
};

}  // namespace agon::envs::box
