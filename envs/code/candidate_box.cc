#include "envs/code/candidate_box.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/error.h"
#include "envs/code/harness.h"
#include "envs/code/plain_value_json.h"

namespace agon::envs {
namespace {

constexpr std::string_view kWhere = "message from a box";
// Beyond the box's own limits: a supervisor that does not enforce them.
constexpr std::chrono::seconds kGrace{10};
// The interpreter's own prelude counts as the candidate's time.
constexpr int64_t kPreludeMs = 50;

std::string LastLine(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const size_t newline = text.rfind('\n');
  return Printable(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

}  // namespace

std::string DrawNonce() {
  unsigned char bytes[16];
  if (getentropy(bytes, sizeof(bytes)) != 0) {
    throw Error(ErrorKind::kIo, "the operating system has no random numbers", "getentropy");
  }
  std::string nonce;
  for (const unsigned char byte : bytes) {
    nonce += "0123456789abcdef"[byte >> 4];
    nonce += "0123456789abcdef"[byte & 15];
  }
  return nonce;
}

std::string Printable(std::string_view bytes) {
  std::string text(bytes.substr(0, 200));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 32 || c > 126; }, '?');
  return text;
}

BoxLimits BoxLimitsOf(const CodeLimits& limits) {
  BoxLimits box;
  box.cpu_ms = limits.time_ms + kPreludeMs;
  box.wall_ms = 2 * limits.time_ms + 1000;
  box.memory_bytes = limits.memory_bytes;
  box.output_bytes = limits.output_bytes;
  return box;
}

TestVerdict EarlyEnd(const BoxResult& result) {
  switch (result.verdict) {
    case BoxVerdict::kTimeLimit:
      return {TestStatus::kTime, "time limit", result.cpu_ms};
    case BoxVerdict::kMemoryLimit:
      return {TestStatus::kMemory, "memory limit", result.cpu_ms};
    case BoxVerdict::kOutputLimit:
      return {TestStatus::kOutput, "output limit", result.cpu_ms};
    default:
      break;
  }
  std::string reason = LastLine(result.stderr_bytes);
  if (result.signal != 0) reason = "killed by signal " + std::to_string(result.signal);
  if (reason.empty()) reason = "ended with status " + std::to_string(result.exit_status);
  return {TestStatus::kError, std::move(reason), result.cpu_ms};
}

TestVerdict RaisedVerdict(const std::string& type, const std::string& message) {
  const auto status = type == "MemoryError" ? TestStatus::kMemory : TestStatus::kError;
  return {status, message.empty() ? type : type + ": " + message, 0};
}

CandidateBox::CandidateBox(Sandbox& sandbox, std::string_view code, const CodeLimits& limits)
    : box_(sandbox.Start(CandidateHarness(sandbox), BoxLimitsOf(limits))),
      deadline_(Box::Clock::now() + std::chrono::milliseconds(BoxLimitsOf(limits).wall_ms) +
                kGrace),
      code_(code) {}

void CandidateBox::ReadEnd(Reply* reply) {
  const BoxResult& result = box_.Wait();
  if (result.verdict == BoxVerdict::kSandboxFailure) {
    reply->masked = Mask{"sandbox", Printable(result.reason)};
  }
  reply->end = EarlyEnd(result);
}

std::optional<Json> CandidateBox::Ask(Json message, Reply* reply) {
  const std::string nonce = DrawNonce();
  message["nonce"] = nonce;
  const auto forged = [&](const char* what) {
    box_.Kill();
    reply->end = TestVerdict{TestStatus::kFail, what, 0};
    return std::nullopt;
  };
  Received received;
  if (box_.Send(message.dump() + "\n", deadline_)) {
    received = box_.ReceiveLine(kMaxLineBytes, deadline_);
  }
  if (received.status == ReceiveStatus::kTooLong) return forged("an answer longer than 1 MB");
  if (received.status != ReceiveStatus::kLine) {
    if (received.status == ReceiveStatus::kDeadline) box_.Kill();
    ReadEnd(reply);
    return std::nullopt;
  }
  try {
    Json answer = ParseBoxJson(received.line, kWhere);
    if (JsonField<std::string>(answer, "nonce", kWhere) == nonce) return answer;
  } catch (const Error&) {
    // No answer of the harness.
  }
  return forged("a forged answer on the channel");
}

bool CandidateBox::ReadError(const Json& answer, Reply* reply) {
  if (!answer.contains("error")) return false;
  const auto error = JsonField<std::vector<std::string>>(answer, "error", kWhere);
  if (error.size() != 2) throw Error(ErrorKind::kCorrupt, "not a type and a message", kWhere);
  reply->raised = true;
  reply->type = Printable(error[0]);
  reply->message = Printable(error[1]);
  return true;
}

Json CandidateBox::ReadReference(const Json& answer) {
  if (answer.contains("method")) return {{"method", true}};
  if (!answer.contains("object")) return Json::object();
  return {{"object", JsonField<uint32_t>(answer, "object", kWhere)}};
}

CandidateBox::Reply CandidateBox::Request(const Json& request) {
  Reply reply;
  try {
    if (!is_loaded_) {
      const auto loaded = Ask({{"source", code_}}, &reply);
      if (!loaded || ReadError(*loaded, &reply)) return reply;
      is_loaded_ = true;
    }
    const auto answer = Ask(request, &reply);
    if (!answer) return reply;
    if (ReadError(*answer, &reply)) {
      // The output was cut off, and the program was quicker to say so than the box to end it.
      if (reply.type == "BrokenPipeError") {
        ReadEnd(&reply);
        if (reply.end->status != TestStatus::kOutput) {
          reply.end = RaisedVerdict(reply.type, reply.message);
        }
      }
      return reply;
    }
    if (answer->contains("refused")) {
      reply.refused = Printable(JsonField<std::string>(*answer, "refused", kWhere));
      reply.reference = ReadReference(*answer);
    } else if (answer->contains("value")) {
      reply.value = PlainValueFromJson(answer->at("value"), kWhere);
    } else {
      throw Error(ErrorKind::kCorrupt, "no answer", kWhere);
    }
  } catch (const Error& error) {
    box_.Kill();
    reply = {};
    reply.end = TestVerdict{TestStatus::kFail, "a broken answer on the channel", 0};
  }
  return reply;
}

int64_t CandidateBox::Finish() {
  box_.Kill();
  return box_.Wait().cpu_ms;
}

}  // namespace agon::envs
