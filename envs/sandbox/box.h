// The host's side of one running program.
#pragma once

#include <optional>
#include <string>

#include "envs/sandbox/descriptors.h"
#include "envs/sandbox/sandbox.h"
#include "envs/sandbox/wire.h"

namespace agon::envs {

struct Box::State {
  // Descriptors in the order of wire::HostFd; closed when they are done with.
  Descriptor fds[wire::kNumHostFds];
  BoxLimits limits;
  int64_t called_ns = 0;       // when Start() was called
  Clock::time_point give_up;   // the supervisor must have reported by then
  std::string program, input;  // still to be written, and how much is
  size_t program_done = 0, input_done = 0;
  std::string received;  // from the channel, not yet returned
  std::string out, err;
  bool output_over = false;
  bool ended = false;  // the report came, or never will
  BoxResult result;

  // A box that never came to be.
  static std::unique_ptr<State> Failed(std::string reason);

  // Moves bytes wherever some can move, waiting for one such place until `deadline`. `outgoing` is
  // what the channel shall get.
  void Pump(Clock::time_point deadline, std::string_view* outgoing, size_t max_received);

  void Fail(const std::string& reason);

 private:
  void Feed(int which, const std::string& bytes, size_t* done);
  void Collect(int which, std::string* output);
  void ReadChannel(size_t max_received);
  void ReadReport();
};

}  // namespace agon::envs
