#include "judge/chat_session.h"

#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "core/error.h"
#include "tests/judge/scripted_policy.h"

namespace agon::judge {
namespace {

class ChatSessionTest : public testing::Test {
 protected:
  std::string Talk(ScriptedPolicy& policy, const std::string& input, bool interactive = false) {
    ChatSession session(policy, tokenizer_, &chat_, options_);
    std::istringstream in(input);
    std::ostringstream out;
    RunChat(session, in, out, interactive);
    return out.str();
  }

  datasets::Tokenizer tokenizer_ = ByteTokenizer();
  datasets::ChatTemplate chat_{tokenizer_};
  ChatOptions options_;
};

TEST_F(ChatSessionTest, RepliesLineByLineAndRemembers) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t) {
    return prompt.find("Ann") != std::string::npos ? "Hello Ann" : "Who are you?";
  });
  EXPECT_EQ(Talk(policy, "hi\nI am Ann\nbye\n"), "Who are you?\nHello Ann\nHello Ann\n");
  EXPECT_EQ(Talk(policy, "I am Ann\n/reset\nhi\n/quit\nmore\n"), "Hello Ann\nWho are you?\n");
}

TEST_F(ChatSessionTest, TheConversationIsTokenExact) {
  options_.system = "Be short.";
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "ok"; });
  ChatSession session(policy, tokenizer_, &chat_, options_);
  EXPECT_EQ(session.Reply("one", {}), "ok");
  EXPECT_EQ(session.Reply("two", {}), "ok");
  std::vector<int32_t> expected =
      chat_.EncodePrompt({{Role::kSystem, "Be short."}, {Role::kUser, "one"}});
  const auto say_ok = [&] { expected.insert(expected.end(), {'o', 'k', chat_.stop_token_id()}); };
  say_ok();
  const auto second = chat_.EncodeContinuation({{Role::kUser, "two"}});
  expected.insert(expected.end(), second.begin(), second.end());
  say_ok();
  EXPECT_EQ(session.tokens(), expected);
}

TEST_F(ChatSessionTest, PiecesAreWholeCharactersAndHarmless) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "a€\x1b[2J\xf0\x9f"; });
  ChatSession session(policy, tokenizer_, &chat_, options_);
  std::vector<std::string> pieces;
  const std::string reply = session.Reply("go", [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return true;
  });
  ASSERT_GE(pieces.size(), 3u);
  EXPECT_EQ(pieces[1], "€");
  EXPECT_EQ(pieces[2], "\xE2\x90\x9B");  // the picture of ESC
  EXPECT_EQ(reply, "a€\xE2\x90\x9B[2J\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_F(ChatSessionTest, AStoppedReplyStaysInTheConversation) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "abcdef"; });
  ChatSession session(policy, tokenizer_, &chat_, options_);
  EXPECT_EQ(session.Reply("go", [](std::string_view piece) { return piece != "c"; }), "abc");
  const auto& tokens = session.tokens();
  ASSERT_GE(tokens.size(), 2u);
  EXPECT_EQ(tokens.back(), chat_.stop_token_id());
  EXPECT_EQ(tokens[tokens.size() - 2], 'c');
}

TEST_F(ChatSessionTest, InterruptStopsTheReplyOnly) {
  ScriptedPolicy policy(tokenizer_, [](const std::string& prompt, uint32_t) {
    if (prompt.find("long") == std::string::npos) return "done";
    std::raise(SIGINT);
    return "never ending";
  });
  EXPECT_EQ(Talk(policy, "long\n"), "n (stopped)\n");
  EXPECT_EQ(Talk(policy, "short\n"), "done\n");
}

TEST_F(ChatSessionTest, AFullContextIsExplainedAndLosesNothing) {
  ScriptedPolicy policy(
      tokenizer_, [](const auto&, uint32_t) { return "ok"; }, 80);
  ChatSession session(policy, tokenizer_, &chat_, options_);
  session.Reply("one", {});
  const auto before = session.tokens();
  EXPECT_THROW(session.Reply(std::string(100, 'x'), {}), Error);
  EXPECT_EQ(session.tokens(), before);
  const std::string text = Talk(policy, std::string(100, 'x') + "\nhi\n");
  EXPECT_NE(text.find("context of 80"), std::string::npos) << text;
  EXPECT_NE(text.find("ok\n"), std::string::npos);
}

TEST_F(ChatSessionTest, PromptsAppearOnATerminalOnly) {
  ScriptedPolicy policy(tokenizer_, [](const auto&, uint32_t) { return "ok"; });
  EXPECT_NE(Talk(policy, "hi\n", true).find("you> "), std::string::npos);
  EXPECT_EQ(Talk(policy, "\r\nhi\r\n", false), "ok\n");
  EXPECT_NE(Talk(policy, "/what\n", false).find("/reset"), std::string::npos);
}

TEST_F(ChatSessionTest, WithoutATemplateDocumentsAreContinued) {
  std::vector<std::string> prompts;
  ScriptedPolicy policy(tokenizer_, [&](const std::string& prompt, uint32_t) {
    prompts.push_back(prompt);
    return " and so on";
  });
  ChatSession session(policy, tokenizer_, nullptr, options_);
  std::istringstream in("Once upon\n/reset\n/quit\nmore\n");
  std::ostringstream out;
  RunChat(session, in, out, false);
  // Nothing around the text, nothing remembered, and only /quit is a command.
  EXPECT_EQ(prompts, (std::vector<std::string>{"Once upon", "/reset"}));
  EXPECT_EQ(out.str(), " and so on\n and so on\n");
}

}  // namespace
}  // namespace agon::judge
