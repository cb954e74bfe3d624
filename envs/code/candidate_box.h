// A box with a candidate in it, and its channel.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "envs/code/grader.h"

namespace agon::envs {

inline constexpr size_t kMaxLineBytes = 1000000;  // of a message from a box

// 128 bits that no program can guess. They reach no result, so they need no seed.
std::string DrawNonce();

// Untrusted bytes as a short line for reports: printable ASCII, at most 200 bytes.
std::string Printable(std::string_view bytes);

// The box's limits that CodeLimits stand for.
BoxLimits BoxLimitsOf(const CodeLimits& limits);

// What a program came to that ended, or was ended, before it gave its answer.
TestVerdict EarlyEnd(const BoxResult& result);

// What a test comes to where the candidate raised.
TestVerdict RaisedVerdict(const std::string& type, const std::string& message);

class CandidateBox {
 public:
  // What a call came to.
  struct Reply {
    std::optional<PlainValue> value;
    bool raised = false;        // `type` and `message` say what
    std::string type, message;  // untrusted, short
    std::string refused;        // why what came back is no plain value
    Json reference;             // of what was refused: {"object": N}, {"method": true} or {}
    // The program is gone, or broke the protocol: no further call makes sense.
    std::optional<TestVerdict> end;
    std::optional<Mask> masked;  // the sandbox failed
  };

  // Starts the box; the code runs at the first call.
  CandidateBox(Sandbox& sandbox, std::string_view code, const CodeLimits& limits);

  // Calls "name" with "args" and "kwargs", or reads the attribute "name" if those are absent;
  // of object "on" if it is there, else of the program. "value" sets the attribute.
  Reply Request(const Json& request);
  Reply Call(const std::string& name, const Json& args, const Json& kwargs) {
    return Request({{"name", name}, {"args", args}, {"kwargs", kwargs}});
  }

  // Ends the program and says how much CPU time it took.
  int64_t Finish();

 private:
  // Sends a message and reads what answers it; `reply` says why there is none.
  std::optional<Json> Ask(Json message, Reply* reply);
  static Json ReadReference(const Json& answer);
  // What a raised exception in `answer` says; false if there is none.
  static bool ReadError(const Json& answer, Reply* reply);
  void ReadEnd(Reply* reply);

  Box box_;
  Box::Clock::time_point deadline_;
  std::string code_;
  bool is_loaded_ = false;
};

}  // namespace agon::envs
