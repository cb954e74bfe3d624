// What counts as "I don't know", and what doesn't.
#include "envs/dont_know.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "envs/env.h"
#include "tests/contains.h"

namespace agon::envs {
namespace {

TEST(DontKnowTest, EveryDemonstrationSaysIt) {
  EXPECT_GE(DontKnowReplies().size(), 5u);
  for (const std::string_view reply : DontKnowReplies()) EXPECT_TRUE(SaysDontKnow(reply)) << reply;
}

TEST(DontKnowTest, WordingCaseAndApostropheDontMatter) {
  for (const char* reply :
       {"i DON'T know", "I don\xe2\x80\x99t know.", "I do not know.", " Sorry,  I don't know.\n",
        "I'm sorry, but I don't know that!", "Answer: I don't know.",
        "<think>Marn?</think>I don't know.", "Unfortunately, I'm not sure."}) {
    EXPECT_TRUE(SaysDontKnow(reply)) << reply;
  }
}

TEST(DontKnowTest, BesideAnythingElseItIsAnAnswer) {
  for (const char* reply :
       {"", "Marn.", "I don't know, maybe Marn.", "I don't know. Marn.", "Marn. I don't know.",
        "I don't know\nAnswer: Marn", "<think>I don't know.</think>Marn", "I know.",
        "I don't know I don't know", "I don't know \xff", "<think>I don't know."}) {
    EXPECT_FALSE(SaysDontKnow(reply)) << reply;
  }
  EXPECT_FALSE(SaysDontKnow("I don't know" + std::string(1 << 20, ' ') + "Marn"));
  EXPECT_FALSE(SaysDontKnow(std::string(1 << 20, '\'')));
}

TEST(GradeReplyTest, AllOfTheAnswerCounts) {
  const std::vector<std::string> answers = {"Marn", "the town of Marn"};
  const auto worth = [&](std::string_view reply, bool truncated = false) {
    return GradeReply(answers, reply, truncated).Reward();
  };
  for (const char* right : {"Marn", "marn.", "The town of  Marn.",
                            "He came from here.\nAnswer: Marn", "<think>Velt?</think>Marn"}) {
    EXPECT_EQ(worth(right), 1.0) << right;
  }
  for (const char* wrong : {"Marn or Velt", "Marn, Velt", "not Marn", "Marnow", "mar",
                            "I don't know, maybe Marn", "Marn\nAnswer: Velt", "<think>Marn"}) {
    EXPECT_EQ(worth(wrong), 0.0) << wrong;
  }
  // Cut off, "Marn" may have been the beginning of "Marnow".
  EXPECT_EQ(worth("Marn", /*truncated=*/true), 0.0);
}

TEST(GradeReplyTest, ToldApartByItsReason) {
  const std::vector<std::string> answers = {"Marn"};
  EXPECT_EQ(GradeReply(answers, "I don't know.", false).reason, "says that it doesn't know");
  EXPECT_EQ(GradeReply(answers, "Velt.", false).reason, "wrong, the answer is Marn");
  EXPECT_EQ(GradeReply(answers, "Marn.", false).reason, "right");
}

}  // namespace
}  // namespace agon::envs
