// Parameters of an environment: read, refused with a reason, and written back.
#include "envs/choice.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace agon::envs {
namespace {

constexpr std::string_view kOwnKeys[] = {"opponent", "file"};

EnvInfo Info() {
  EnvInfo info;
  info.id = "zz_test/choice-v1";
  info.num_difficulties = 4;
  info.families = {"one", "two", "three"};
  info.attributes = {{"size", {"5x4", "6x5", "7x6"}}, {"noise", {"none", "some"}}};
  return info;
}

TEST(ChoiceTest, NothingMeansEverything) {
  for (const char* params : {"", "  ", "difficulty=0..3", "size=0..2,noise=0..1"}) {
    const TaskChoice choice = ParseTaskChoice(params, Info(), kOwnKeys);
    EXPECT_EQ(choice.max_difficulty, 3);
    EXPECT_EQ(choice.families.size(), 3u);
    ASSERT_EQ(choice.levels.size(), 2u);
    EXPECT_EQ(choice.levels[0].high, 2);
    EXPECT_EQ(choice.levels[1].high, 1);
    EXPECT_TRUE(choice.own.empty());
    EXPECT_EQ(choice.Spec(Info()), "zz_test/choice-v1");
  }
}

TEST(ChoiceTest, SpecIsCanonical) {
  const auto spec = [](std::string_view params) {
    return ParseTaskChoice(params, Info(), kOwnKeys).Spec(Info());
  };
  EXPECT_EQ(spec("size=1"), "zz_test/choice-v1(size=1)");
  EXPECT_EQ(spec(" opponent = minimax:2 , noise=1, size=0..1,families=two|one,difficulty=2"),
            "zz_test/choice-v1(difficulty=2,families=one|two,size=0..1,noise=1,"
            "opponent=minimax:2)");
  EXPECT_EQ(spec("opponent=b,file=a"), "zz_test/choice-v1(file=a,opponent=b)");
}

TEST(ChoiceTest, WrongParametersNameWhatIsAllowed) {
  const auto message = [](std::string_view params) -> std::string {
    try {
      ParseTaskChoice(params, Info(), kOwnKeys);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(message("size=3").find("size = \"3\""), std::string::npos);
  EXPECT_NE(message("size=3").find("0..2"), std::string::npos);
  EXPECT_NE(message("size=2..1").find("not allowed"), std::string::npos);
  EXPECT_NE(message("noise=-1").find("not allowed"), std::string::npos);
  EXPECT_NE(message("noise").find("not allowed"), std::string::npos);
  EXPECT_NE(message("families=four").find("one|two|three"), std::string::npos);
  EXPECT_NE(message("colour=red").find("difficulty, families, size, noise, opponent, file"),
            std::string::npos);
}

}  // namespace
}  // namespace agon::envs
