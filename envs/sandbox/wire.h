// Messages between the host process, the supervisor, the warm interpreter and the first
// process of a box. All four are built together and run on one machine, so messages are
// plain structs; a box's program never gets hold of any of these sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace agon::envs::wire {

// Supervisor to host, once: what the machine offers, or why it does not do.
struct Hello {
  int32_t failed = 0;
  int32_t unsupported = 0;  // else the operating system refused
  char text[1024] = {};     // Describe(), or what is missing
  char hint[512] = {};
};

struct Limits {
  int64_t wall_ms = 0;
  int64_t cpu_ms = 0;
  int64_t memory_bytes = 0;
  int64_t tmp_bytes = 0;
  int64_t max_processes = 0;
};

// Host to supervisor: hand over a ready box.
struct StartRequest {
  Limits limits;
};

// Its answer; carries kNumHostFds descriptors unless it failed.
struct StartReply {
  int32_t failed = 0;
  char reason[256] = {};
};
enum HostFd { kHostProgram, kHostReport, kHostStdin, kHostStdout, kHostStderr, kHostChannel };
inline constexpr int kNumHostFds = 6;

// Host to the box's first process, followed by the payload.
struct ProgramHeader {
  int64_t is_python = 0;
  int64_t payload_bytes = 0;
  Limits limits;
};

// Host to supervisor over the report socket: kill. Closing the socket does the same.
inline constexpr char kKill = 'k';

// Supervisor to host: the program's end. `verdict` is a BoxVerdict.
struct Report {
  int32_t verdict = 0;
  int32_t exit_status = -1;
  int32_t signal = 0;
  int64_t cpu_us = 0;
  int64_t wall_us = 0;
  int64_t max_rss_bytes = 0;
  int64_t start_ns = 0;  // CLOCK_MONOTONIC just before the program's first instruction
  char reason[256] = {};
};

// First process of a box to supervisor.
enum InitEventKind : int32_t { kReady, kStarted, kExited, kFailed };
struct InitEvent {
  int32_t kind = kFailed;
  int32_t error = 0;        // errno of kFailed
  int32_t wait_status = 0;  // of kExited, as from waitpid
  int64_t time_ns = 0;      // CLOCK_MONOTONIC
  int64_t start_ns = 0;
  int64_t cpu_us = 0;
  int64_t max_rss_bytes = 0;
  char where[64] = {};
};

// Supervisor to the warm interpreter, once, followed by `num_filter` instructions.
struct ZygoteSetup {
  int32_t landlock_abi = 0;
  int32_t memory_by_cgroup = 0;
  int32_t num_filter = 0;
};

// Net namespaces made ahead, one for each box that lives at a time; beyond, boxes share.
// Making one takes half a millisecond and unmaking it stalls others' making. None keeps
// anything from one box to the next: no socket can be made in it but connected pairs.
inline constexpr int kNumNets = 32;

// Supervisor to the warm interpreter: make a box around these descriptors. Answered by a
// MakeReply with a pidfd.
struct MakeRequest {
  int32_t net = 0;  // which net namespace
};
struct MakeReply {
  int32_t error = 0;
};
enum BoxFd { kBoxInit, kBoxProgram, kBoxStdin, kBoxStdout, kBoxStderr, kBoxChannel };
inline constexpr int kNumBoxFds = 6;

// Exit status of a Python program that ended by an uncaught MemoryError. A program may
// choose it, too: it fails either way.
inline constexpr int kMemoryErrorStatus = 86;

template <size_t N>
void SetText(char (&field)[N], const char* text) {
  std::strncpy(field, text, N - 1);
  field[N - 1] = 0;
}

}  // namespace agon::envs::wire
