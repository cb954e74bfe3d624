// The Python that runs in front of untrusted code and in front of tests, one program per
// kind of box. Each speaks in lines of JSON over the box's channel (kChannelFd); values in
// them are in the form of envs/code/plain_value.h. Every message to a box carries a nonce,
// and what answers it must carry the same.
//
// In the candidate's box. Nothing it says is trusted: it shares the process with the
// candidate, so at worst the candidate speaks in its place, and then it still has to name
// the right result without having seen what is expected.
//   host  {"nonce", "source"}               the code, run as module "candidate"
//   box   {"nonce"} or {"nonce", "error": [type, message]}
//   host  {"nonce", "name", "args", "kwargs"}
//   box   {"nonce", "value"}, {"nonce", "error": [type, message]}, or
//         {"nonce", "refused": reason} where what came back is no plain value
//
// In the tester's box, where test code runs and the candidate never does:
//   host  {"nonce", "setup", "entry_point", "units": [source...]}
//   box   {"nonce", "counts": [n...]} or {"nonce", "problem": text}
//   host  {"nonce", "run": index of a unit}
//   box   {"nonce", "call", "args", "kwargs"}, any number of times, each answered by
//         {"value"}, {"error": [type, message]}, {"refused": reason} or {"gone": true}
//   box   {"nonce", "tests": [[status, reason]...]}: "pass", "fail", "error",
//         "unsupported" or "gone"
#pragma once

#include "envs/sandbox/sandbox.h"

namespace agon::envs {

// The programs, compiled once for each interpreter, in a box of their own: a box then begins
// with bytecode. Thread-safe.
const Program& CandidateHarness(Sandbox& sandbox);
const Program& TesterHarness(Sandbox& sandbox);

// Their sources: what both begin with, and the rest of each.
extern const char kValueCodec[], kCandidateHarness[], kTesterHarness[];

}  // namespace agon::envs
