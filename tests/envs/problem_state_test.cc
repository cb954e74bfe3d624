// The short way and the full parser read the same.
#include "envs/problem_state.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"

namespace agon::envs {
namespace {

// What the full parser says, "corrupt" where it refuses.
template <typename Read>
std::string Result(const Read& read) {
  try {
    return Json(read()).dump();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    return "corrupt";
  }
}

void ExpectSame(const std::string& state) {
  const auto full = [&] {
    return JsonField<std::vector<int64_t>>(ParseJson(state, "test"), "given", "test");
  };
  Task task;
  task.state = state;
  EXPECT_EQ(Result([&] { return GivenOf(task); }), Result(full)) << state;
}

TEST(ProblemStateTest, ReadsWhatTheParserReads) {
  for (const char* state : {R"({"steps":[],"given":[]})",
                            R"({"steps":["1+2=3","3*4=12"],"given":[1,-2,30]})",
                            R"({"steps":["say \"hi\""],"given":[7]})",
                            R"({"given":[7],"steps":[]})",
                            R"({ "steps": [], "given": [ 7 ] })",
                            R"({"steps":[],"given":[9223372036854775807]})",
                            R"({"steps":[],"given":[9223372036854775808]})",
                            R"({"steps":[],"given":[01]})",
                            R"({"steps":[],"given":[-0]})",
                            R"({"steps":[],"given":[1.5]})",
                            R"({"steps":[],"given":[1e3]})",
                            R"({"steps":[],"given":[1,]})",
                            R"({"steps":[],"given":[+1]})",
                            R"({"steps":[,],"given":[]})",
                            R"({"steps":[1],"given":[2]})",
                            R"({"steps":["a" "b"],"given":[]})",
                            R"({"steps":[],"given":[]}x)",
                            R"({"steps":[],"given":[)",
                            "{\"steps\":[\"\n\"],\"given\":[]}",
                            "{\"steps\":[\"\xff\"],\"given\":[]}",
                            "{\"steps\":[\"\xc3\xa9\"],\"given\":[3]}",
                            "",
                            "null",
                            R"({"steps":[],"given":7})",
                            R"({"steps":[],"given":[],"calls":[]})"}) {
    ExpectSame(state);
  }
}

TEST(ProblemStateTest, AnyChangeOfAByteIsReadAlike) {
  const std::string state = R"({"steps":["9-4=5","5*6=30"],"given":[9,-4,0,6]})";
  Rng rng({7, RngStream::kTest, 0, 0, 0});
  for (int i = 0; i < 20000; ++i) {
    std::string changed = state;
    constexpr std::string_view kBytes = "{}[]\",:-0123456789 \\e.x\n";
    for (uint64_t n = rng.Below(3); n-- > 0;) {
      changed[rng.Below(changed.size())] = kBytes[rng.Below(kBytes.size())];
    }
    if (rng.Below(4) == 0) changed.erase(rng.Below(changed.size()), 1);
    ExpectSame(changed);
  }
}

}  // namespace
}  // namespace agon::envs
