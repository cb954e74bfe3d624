// One box as the supervisor sees it: from its making, through its one program, to its end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "envs/sandbox/box/cgroup.h"
#include "envs/sandbox/descriptors.h"
#include "envs/sandbox/sandbox.h"
#include "envs/sandbox/wire.h"

namespace agon::envs::box {

int64_t NowNs();

class Member {
 public:
  // What the host process will hold, and the supervisor's ends.
  struct Ends {
    Descriptor host[wire::kNumHostFds];
    Descriptor box[wire::kNumBoxFds];
  };

  // Makes the descriptors. False with errno set.
  bool Open(int serial, int net, bool isolated, Ends* ends);

  // The box's first process runs; from here on it can be watched and killed.
  void SetProcess(Descriptor pidfd, pid_t pid, Cgroup group);

  int init_fd() const { return init_.get(); }
  int pid_fd() const { return pidfd_.get(); }
  int report_fd() const { return report_.get(); }
  int serial() const { return serial_; }
  int net() const { return net_; }  // its net namespace, of wire::kNumNets
  bool ready() const { return said_ready_ && pidfd_.open() && !over_ && !limits_; }
  bool handed_over() const { return limits_.has_value(); }

  // Gives the box to the host with the program's limits. False with errno set.
  bool HandOver(const wire::Limits& limits, int host_socket);

  // Takes a message of the box's first process, if there is one; of the host, which may
  // also have hung up.
  bool ReadInit();
  void ReadHost();

  // Enforces the limits; returns when to look again (CLOCK_MONOTONIC, nanoseconds), -1 if
  // there is nothing to watch.
  int64_t Watch(int64_t now_ns);

  // The first process has died, and with it everything in the box: tells the host.
  void Finish();

  // What ended a box before it had a program.
  std::string failure() const;

  void Kill();

 private:
  void KillFor(BoxVerdict verdict, const std::string& reason);
  void SampleUsage();
  void Judge(wire::Report* report) const;

  int serial_ = 0;
  int net_ = 0;
  bool isolated_ = true;
  bool said_ready_ = false;
  bool over_ = false;
  Descriptor init_, pidfd_, report_;
  Descriptor host_[wire::kNumHostFds];
  pid_t pid_ = -1;
  Cgroup group_;
  std::optional<wire::Limits> limits_;
  int64_t handed_over_ns_ = 0;
  int64_t started_ns_ = 0;
  int64_t next_sample_ns_ = 0;
  int64_t cpu_us_ = 0;
  int64_t peak_bytes_ = 0;
  std::optional<wire::InitEvent> end_;  // of the program, as its parent tells
  std::optional<std::pair<BoxVerdict, std::string>> killed_for_;
};

}  // namespace agon::envs::box
