// Each registered environment equals its recorded playthrough, line by line.
// Run with AGON_UPDATE_GOLDEN=1 to write the records, then read the difference.
#include "envs/playthrough.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "core/file.h"
#include "envs/env.h"
#include "tests/envs/example_specs.h"
#include "tests/paths.h"

namespace agon::envs {
namespace {

fs::path GoldenDir() { return fs::path(kSourceDir) / "tests" / "golden" / "envs"; }

class PlaythroughTest : public testing::TestWithParam<std::string> {};

TEST_P(PlaythroughTest, EqualsTheRecord) {
  if (const std::string why = WhyNotHere(GetParam()); !why.empty()) GTEST_SKIP() << why;
  const auto env = MakeEnv(GetParam());
  const fs::path path = GoldenDir() / PlaythroughFileName(env->info().id);
  const std::string actual = RenderPlaythrough(*env);
  if (std::getenv("AGON_UPDATE_GOLDEN") != nullptr) {
    fs::create_directories(GoldenDir());
    WriteFileAtomic(path, actual);
    GTEST_SKIP() << "wrote " << path;
  }
  ASSERT_TRUE(fs::exists(path)) << path << " is missing: run with AGON_UPDATE_GOLDEN=1";
  std::istringstream expected_stream(ReadFile(path)), actual_stream(actual);
  std::string expected_line, actual_line;
  for (int line = 1; std::getline(expected_stream, expected_line); ++line) {
    ASSERT_TRUE(std::getline(actual_stream, actual_line)) << path << " has more lines: " << line;
    ASSERT_EQ(actual_line, expected_line) << path << " line " << line;
  }
  ASSERT_FALSE(std::getline(actual_stream, actual_line)) << path << " lacks: " << actual_line;
}

INSTANTIATE_TEST_SUITE_P(Envs, PlaythroughTest, testing::ValuesIn(ExampleSpecs()),
                         [](const auto& info) { return SpecTestName(info.param); });

TEST(PlaythroughFilesTest, EveryRecordHasItsEnvironment) {
  std::set<std::string> expected;
  for (const std::string& id : ListEnvs()) {
    if (!IsLeftOut(id)) expected.insert(PlaythroughFileName(id));
  }
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(GoldenDir())) {
    found.insert(entry.path().filename().string());
  }
  EXPECT_EQ(found, expected);
}

TEST(PlaythroughRenderTest, OutcomeShowsPartsMaskAndBytes) {
  Outcome outcome;
  outcome.parts = {{"correct", 1.0, 1.0}, {"style", 0.5, 0.2}, {"speed", std::nullopt, 1.0}};
  outcome.truncated = true;
  outcome.masked = Mask{"sandbox", "it died"};
  outcome.extracted = std::string("4\0\xff", 3);
  outcome.reason = "right";
  EXPECT_EQ(RenderOutcome(outcome),
            "reward 1.1 (correct 1, style 0.5 x 0.2, speed unscored; truncated; "
            "masked: sandbox, it died; found \"4\\x00\\xff\"; right)");
}

TEST(PlaythroughRenderTest, CoversFamiliesAndDifficulties) {
  const auto env = MakeEnv("math/shop-v1");
  const std::string text = RenderPlaythrough(*env);
  for (const std::string& family : env->info().families) {
    for (int difficulty = 0; difficulty < env->info().num_difficulties; ++difficulty) {
      const std::string kind = ": " + family + ", difficulty " + std::to_string(difficulty);
      EXPECT_NE(text.find(kind), std::string::npos) << kind;
    }
  }
  EXPECT_EQ(text.find("reward 0"), std::string::npos) << "a demonstration is wrong";
}

}  // namespace
}  // namespace agon::envs
