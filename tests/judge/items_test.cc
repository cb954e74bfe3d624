#include "judge/eval/items.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/file.h"

namespace agon::judge {
namespace {

class ItemsTest : public testing::Test {
 protected:
  std::vector<Item> Read(const std::string& text, BenchmarkKind kind,
                         const std::string& name = "items.jsonl") {
    // Tests run side by side.
    const auto folder = std::filesystem::path(testing::TempDir()) /
                        testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder);
    const std::filesystem::path file = folder / name;
    WriteFileAtomic(file, text);
    return ReadItems(file, kind);
  }
  std::string Fault(const std::string& text, BenchmarkKind kind) {
    try {
      Read(text, kind);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(ItemsTest, KnownDataSetsAreTakenAsTheyAre) {
  // ARC, HellaSwag, MMLU, and one that names the answer itself.
  const auto items = Read(
      R"({"question": "Q1", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"})"
      "\n"
      R"({"ctx": "Q2", "endings": ["a", "b", "c"], "label": "2"})"
      "\n\n"
      R"({"question": "Q3", "choices": ["a", "b"], "answer": 0, "subject": "law"})"
      "\n"
      R"({"question": "Q4", "choices": ["yes", "no"], "answer": "no"})"
      "\n"
      R"({"question": "Q5", "choices": ["yes", "no"], "answer": "B"})",
      BenchmarkKind::kChoice);
  ASSERT_EQ(items.size(), 5u);
  EXPECT_EQ(items[0].gold, 1u);
  EXPECT_EQ(items[1].gold, 2u);
  EXPECT_EQ(items[1].answer, "c");
  EXPECT_EQ(items[2].gold, 0u);
  EXPECT_EQ(items[2].family, "law");
  EXPECT_EQ(items[3].gold, 1u);
  EXPECT_EQ(items[4].gold, 1u);
}

TEST_F(ItemsTest, AnswersOfQuestions) {
  const auto items = Read(
      "{\"question\": \"Q\", \"answer\": \"2 + 2 = 4\\n#### 4\"}\n{\"question\": \"R\", "
      "\"answer\": 12, \"difficulty\": 3}\n",
      BenchmarkKind::kGeneration);
  EXPECT_EQ(items[0].answer, "4");
  EXPECT_EQ(items[1].answer, "12");
  EXPECT_EQ(items[1].difficulty, 3);
}

TEST_F(ItemsTest, TextsAreDocuments) {
  EXPECT_EQ(Read("{\"text\": \"one\"}\n{\"text\": \"two\"}\n", BenchmarkKind::kText).size(), 2u);
  const auto plain = Read("one\ntwo\n", BenchmarkKind::kText, "plain.txt");
  ASSERT_EQ(plain.size(), 1u);
  EXPECT_EQ(plain[0].fields.at("text"), "one\ntwo\n");
}

TEST_F(ItemsTest, FaultsNameTheLine) {
  const auto names = [&](const std::string& text, BenchmarkKind kind, const std::string& part) {
    const std::string fault = Fault(text, kind);
    return fault.find(part) != std::string::npos && fault.find("items.jsonl") != std::string::npos;
  };
  const auto kChoice = BenchmarkKind::kChoice;
  EXPECT_TRUE(names("\n{\"question\": ", kChoice, "line 2"));
  EXPECT_TRUE(names("[1]\n", kChoice, "no JSON object"));
  EXPECT_TRUE(names("{\"question\": \"Q\"}\n", kChoice, "choices"));
  EXPECT_TRUE(names(R"({"choices": ["a"], "answer": 0})", kChoice, "2 to 26"));
  EXPECT_TRUE(names(R"({"choices": ["a", ""], "answer": 0})", kChoice, "2 to 26"));
  EXPECT_TRUE(
      names(R"({"choices": ["a", "b"], "answer": 2})", kChoice, "none of the 2 choices: 2"));
  EXPECT_TRUE(names(R"({"choices": ["a", "b"]})", kChoice, "none of the 2 choices"));
  EXPECT_TRUE(names("{\"answer\": [1]}", BenchmarkKind::kGeneration, "answer"));
  EXPECT_TRUE(names("{\"question\": \"Q\"}", BenchmarkKind::kText, "text"));
  EXPECT_TRUE(names("\n\n", kChoice, "no task"));
}

TEST_F(ItemsTest, TemplatesReplaceFields) {
  Item item;
  item.fields = {{"question", "why?"}, {"n", "3"}};
  item.choices = {"yes", "no"};
  EXPECT_EQ(RenderTemplate("{n}: {question} {{x}}", item, ""), "3: why? {x}");
  EXPECT_EQ(RenderTemplate("{choices}", item, ""), "A. yes\nB. no");
  // What a line says is not looked at again.
  item.fields["question"] = "{n}";
  EXPECT_EQ(RenderTemplate("{question}", item, ""), "{n}");
  try {
    RenderTemplate("{answer}", item, "benchmark b");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("{question}"), std::string::npos);
  }
  EXPECT_THROW(RenderTemplate("{open", item, ""), Error);
}

TEST_F(ItemsTest, ExamplesAreNeverTheTaskItself) {
  std::vector<Item> items(6);
  for (size_t i = 0; i < items.size(); ++i) {
    // The first two ask the same.
    items[i].fields["question"] = "q" + std::to_string(i < 2 ? 0 : i) + "?";
    items[i].answer = "a" + std::to_string(i);
  }
  BenchmarkSpec spec;
  spec.kind = BenchmarkKind::kGeneration;
  spec.prompting = Prompting::kPlain;
  spec.num_few_shot = 4;
  const ItemPrompts prompts(spec, items);
  std::set<std::string> different;
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string text = prompts.Plain(i);
    different.insert(text);
    const std::string question = items[i].fields["question"];
    EXPECT_EQ(text.find(question), text.rfind(question)) << text;
    EXPECT_TRUE(text.ends_with("Question: " + question + "\nAnswer:"));
  }
  EXPECT_GT(different.size(), 4u);
  spec.prompting = Prompting::kChat;
  const Messages messages = ItemPrompts(spec, items).Chat(2);
  ASSERT_EQ(messages.size(), 9u);
  EXPECT_EQ(messages[1].role, Role::kAssistant);
  EXPECT_EQ(messages.back().content, "q2?");
  spec.num_few_shot = 6;
  EXPECT_THROW(ItemPrompts(spec, items), Error);
}

}  // namespace
}  // namespace agon::judge
