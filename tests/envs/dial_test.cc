// Dials of an environment in the text of its spec.
#include "envs/dial.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_of.h"

namespace agon::envs {
namespace {

std::pair<int, int> Range(std::string_view spec, std::string_view dial) {
  const LevelRange range = DialRange(spec, dial);
  return {range.low, range.high};
}

TEST(Dial, RangeIsWhatTheSpecSays) {
  EXPECT_EQ(Range("math/shop(difficulty=1..2)", "difficulty"), std::pair(1, 2));
  EXPECT_EQ(Range("math/shop(difficulty=1)", "difficulty"), std::pair(1, 1));
  EXPECT_EQ(Range("game/connect4(opponent=self, size = 0..1 )", "size"), std::pair(0, 1));
}

TEST(Dial, RangeIsWholeWhereTheSpecIsSilent) {
  const int hardest = MakeEnv("math/shop")->info().num_difficulties - 1;
  EXPECT_EQ(Range("math/shop", "difficulty"), std::pair(0, hardest));
  EXPECT_EQ(Range("math/shop(families=boxes)", "difficulty"), std::pair(0, hardest));
}

TEST(Dial, UnknownNamesAreRefusedWithWhatThereIs) {
  const auto message = ErrorOf([] { DialRange("game/connect4", "length"); }, ErrorKind::kUsage);
  EXPECT_TRUE(Contains(message, "difficulty, size")) << message;
}

TEST(Dial, WithDialReplacesOnlyItsOwnAssignment) {
  EXPECT_EQ(WithDial("math/shop", "difficulty", {0, 0}), "math/shop(difficulty=0)");
  EXPECT_EQ(WithDial("math/shop(difficulty=0..3,families=boxes)", "difficulty", {0, 2}),
            "math/shop(families=boxes,difficulty=0..2)");
  for (int level = 0; level < 3; ++level) {
    const auto env = MakeEnv(WithDial("math/shop(families=boxes)", "difficulty", {level, level}));
    EXPECT_EQ(env->Get(Split::kTrain, 1, 5).difficulty, level);
  }
}

}  // namespace
}  // namespace agon::envs
