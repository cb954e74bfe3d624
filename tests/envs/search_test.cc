// BM25 against figures worked by hand; tool/search is answered by searching only.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "envs/demonstration.h"
#include "envs/env.h"
#include "envs/text/words.h"
#include "envs/tool/bm25.h"
#include "envs/tool/invented_world.h"

namespace agon::envs {
namespace {

TEST(Bm25Test, TermsAreRunsOfLettersAndDigits) {
  EXPECT_EQ(SearchTerms("Who's 42? \xc3\xa4h--B2B"),
            (std::vector<std::string>{"who", "s", "42", "\xc3\xa4h", "b2b"}));
  EXPECT_TRUE(SearchTerms(" .,;\n").empty());
}

// Three documents of 4, 2 and 3 terms (mean 3). "fox" stands in two of them:
// weight ln(1 + (3 - 2 + 0.5) / (2 + 0.5)) = ln 1.6.
TEST(Bm25Test, ScoresAreThoseOfTheFormula) {
  const Bm25Index index({"fox fox and hen", "red fox", "an old owl"});
  const auto hits = index.Search("fox", 5);
  ASSERT_EQ(hits.size(), 2u);
  const double rarity = std::log(1.6);
  // tf 2, length 4/3: 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / 3)) = 4.4 / 3.5
  // tf 1, length 2/3: 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3)) = 2.2 / 1.9
  EXPECT_EQ(hits[0].document, 0u);
  EXPECT_NEAR(hits[0].score, rarity * 4.4 / 3.5, 1e-6);
  EXPECT_EQ(hits[1].document, 1u);
  EXPECT_NEAR(hits[1].score, rarity * 2.2 / 1.9, 1e-6);
}

TEST(Bm25Test, OptionsMatter) {
  const Bm25Index flat({"fox fox fox", "fox"}, {.k1 = 0, .b = 0});
  const auto hits = flat.Search("fox", 2);
  EXPECT_EQ(hits[0].score, hits[1].score) << "with k1 = 0 it only matters whether it is there";
  EXPECT_EQ(hits[0].document, 0u) << "of equal scores the earlier document first";
}

TEST(Bm25Test, RareTermsOutweighCommonOnes) {
  const Bm25Index index({"the cat", "the dog", "the hen", "the the the owl"});
  EXPECT_EQ(index.Search("the dog", 1)[0].document, 1u);
  EXPECT_EQ(index.Search("DOG dog?", 9).size(), 1u);
}

TEST(Bm25Test, AnythingMayBeAsked) {
  const Bm25Index index({"a", "b"});
  EXPECT_TRUE(index.Search("", 3).empty());
  EXPECT_TRUE(index.Search("nobody knows", 3).empty());
  EXPECT_TRUE(index.Search("a", 0).empty());
  EXPECT_EQ(index.Search(std::string(1 << 20, '\xff') + " a", 3).size(), 1u);
  std::string many;
  for (size_t i = 0; i < Bm25Index::kMaxQueryTerms; ++i) many += "x ";
  EXPECT_TRUE(index.Search(many + "a", 3).empty()) << "behind the last term looked at";
  EXPECT_TRUE(Bm25Index({}).Search("a", 3).empty());
}

TEST(WordsTest, CommonWordsAreSortedAndPlain) {
  const auto words = CommonWords();
  EXPECT_GT(words.size(), 300u);
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) {
      EXPECT_LT(words[i - 1], words[i]);
    }
    EXPECT_GE(words[i].size(), 3u);
    EXPECT_LE(words[i].size(), 14u);
    for (const char c : words[i]) EXPECT_TRUE(c >= 'a' && c <= 'z') << words[i];
  }
}

TEST(InventedWorldTest, EveryNameFindsItsOwnDocument) {
  for (const uint64_t seed : {0, 1, 77}) {
    const InventedWorld world(seed);
    const Bm25Index index(world.Documents());
    for (size_t i = 0; i < index.documents().size(); ++i) {
      const std::string& document = index.documents()[i];
      const std::string name = document.substr(0, document.find(' '));
      const auto hits = index.Search(name, 2);
      ASSERT_FALSE(hits.empty());
      EXPECT_EQ(hits[0].document, i) << name;
      if (hits.size() > 1) {
        EXPECT_GT(hits[0].score, hits[1].score) << name;
      }
    }
  }
}

TEST(InventedWorldTest, WorldsDifferAndAreTheSameAgain) {
  EXPECT_EQ(InventedWorld(3).Documents(), InventedWorld(3).Documents());
  EXPECT_NE(InventedWorld(3).Documents(), InventedWorld(4).Documents());
}

TEST(SearchTest, EveryAnswerStandsInTheLastDocumentRead) {
  for (int difficulty = 0; difficulty < 3; ++difficulty) {
    const auto env = MakeEnv("tool/search(difficulty=" + std::to_string(difficulty) + ")");
    std::set<std::string> questions;
    for (uint64_t i = 0; i < 500; ++i) {
      const Task task = env->Get(Split::kTrain, 1, i);
      const std::string question = task.messages.back().content;
      questions.insert(question);
      EXPECT_EQ(question.find(task.answer), std::string::npos) << question;
      const auto demonstration = DemonstrateEpisode(*env, task, Labeler::kImmediate, 0);
      const Messages& messages = demonstration->seats[0];
      EXPECT_EQ(demonstration->outcome.Reward(), 1);
      ASSERT_EQ(messages.size(), 3u + 2 * (static_cast<size_t>(difficulty) + 1));
      for (size_t m = 2; m < messages.size(); m += 2) {
        if (messages[m + 1].role != Role::kTool) continue;
        // What is searched for was read before: nothing is guessed.
        const std::string query = messages[m].content.substr(11, messages[m].content.size() - 23);
        EXPECT_NE(messages[m - 1].content.find(query), std::string::npos) << query;
      }
      EXPECT_NE(messages[messages.size() - 2].content.find(task.answer), std::string::npos);
    }
    EXPECT_GT(questions.size(), 350u);
  }
}

TEST(SearchTest, AnswersInAnyCaseAndNothingElse) {
  const auto env = MakeEnv("tool/search");
  const Task task = env->Get(Split::kTest, 0, 0);
  const auto reward = [&](const std::string& text) {
    return std::get<Outcome>(env->Start(task)->Step(text, false)).Reward();
  };
  std::string loud = task.answer;
  for (char& c : loud) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(reward("Answer: " + loud + "."), 1);
  EXPECT_EQ(reward("Answer: " + task.answer + "s"), 0);
  EXPECT_EQ(reward("Answer: " + task.answer + " or Paris"), 0);
  EXPECT_EQ(reward(task.answer), 0);
  const auto episode = env->Start(task);
  EXPECT_EQ(std::get<Turn>(episode->Step("<tool_call>xyzzy</tool_call>", false)).messages[0],
            (Message{Role::kTool, "nothing found"}));
}

class OwnCorpusTest : public testing::Test {
 protected:
  std::string dir_ = testing::TempDir();
  std::string corpus_ = dir_ + "search_corpus.txt", questions_ = dir_ + "search_questions.tsv";
  std::string spec_ = "tool/search(corpus=" + corpus_ + ",questions=" + questions_ + ")";

  void SetUp() override {
    std::string documents, questions;
    for (int i = 0; i < 60; ++i) {
      documents += "Item" + std::to_string(i) + " is of colour" + std::to_string(i) + ".\r\n\n";
      questions +=
          "What colour is item" + std::to_string(i) + "?\tcolour" + std::to_string(i) + "\n";
    }
    WriteFileAtomic(corpus_, documents + std::string(1000, 'z') + "\n");
    WriteFileAtomic(questions_, questions);
  }
};

TEST_F(OwnCorpusTest, QuestionsOfOnesOwnAreAsked) {
  const auto env = MakeEnv(spec_);
  EXPECT_EQ(env->info().num_tasks, 60);
  const Task task = env->Get(Split::kTest, 0, 0);
  const auto demonstration = DemonstrateEpisode(*env, task, Labeler::kStepByStep, 0);
  EXPECT_EQ(demonstration->outcome.Reward(), 1);
  EXPECT_NE(demonstration->seats[0][3].content.find(" is of " + task.answer), std::string::npos);
  const auto long_document =
      env->Start(task)->Step("<tool_call>" + std::string(1000, 'z') + "</tool_call>", false);
  EXPECT_EQ(std::get<Turn>(long_document).messages[0].content.size(), 400u);
}

TEST_F(OwnCorpusTest, BadFilesAreNamedWithTheLine) {
  const auto message = [](const std::string& spec) -> std::string {
    try {
      MakeEnv(spec);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  WriteFileAtomic(questions_, "Who?\tme\n\nWhat\n");
  EXPECT_NE(message(spec_).find("search_questions.tsv:3"), std::string::npos);
  WriteFileAtomic(questions_, "Who?\t\n");
  EXPECT_NE(message(spec_).find("search_questions.tsv:1"), std::string::npos);
  WriteFileAtomic(questions_, "\n");
  EXPECT_NE(message(spec_).find("no questions"), std::string::npos);
  EXPECT_NE(message("tool/search(corpus=" + corpus_ + ")").find("go together"), std::string::npos);
  EXPECT_NE(message("tool/search(corpus=/no/such,questions=" + questions_ + ")").find("/no/such"),
            std::string::npos);
  EXPECT_NE(message("tool/search(world=-1)").find("0 to 999999"), std::string::npos);
}

}  // namespace
}  // namespace agon::envs
