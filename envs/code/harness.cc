#include "envs/code/harness.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace agon::envs {
namespace {

constexpr const char* kCompile =
    "import marshal, sys\n"
    "code = compile(sys.stdin.read(), 'harness', 'exec')\n"
    "print(marshal.dumps(code).hex(), end='')\n";

// Compiling the tester's harness takes longer than most tests.
Program Compiled(Sandbox& sandbox, const std::string& source) {
  const BoxResult result = sandbox.Run(Program::Python(kCompile, source));
  if (result.verdict != BoxVerdict::kOk) return Program::Python(source);  // slower, no worse
  return Program::Python("import marshal\nexec(marshal.loads(bytes.fromhex('" +
                         result.stdout_bytes + "')))\n");
}

const Program& Cached(Sandbox& sandbox, const char* source) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, const char*>, Program> programs;
  // Names the interpreter and its version, on which bytecode depends.
  const std::pair key(sandbox.Describe(), source);
  const std::lock_guard lock(mutex);
  auto found = programs.find(key);
  if (found == programs.end()) {
    found = programs.emplace(key, Compiled(sandbox, std::string(kValueCodec) + source)).first;
  }
  return found->second;
}

}  // namespace

const Program& CandidateHarness(Sandbox& sandbox) { return Cached(sandbox, kCandidateHarness); }

const Program& TesterHarness(Sandbox& sandbox) { return Cached(sandbox, kTesterHarness); }

}  // namespace agon::envs
