#include "core/message_json.h"

#include <gtest/gtest.h>

#include "tests/error_of.h"

namespace agon {
namespace {

std::string Refused(const std::string& list) {
  return ErrorOf([&] { MessagesFromJson(ParseJson(list, "it"), "line 3"); }, ErrorKind::kCorrupt);
}

TEST(MessageJsonTest, ComesBack) {
  const Messages messages = {{Role::kSystem, "Be \"kind\"."},
                             {Role::kUser, "a\nb\u2028<script>"},
                             {Role::kAssistant, ""},
                             {Role::kTool, "4"}};
  const std::string text = DumpJson(MessagesJson(messages));
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(MessagesFromJson(ParseJson(text, ""), ""), messages);
  EXPECT_EQ(DumpJson(MessagesJson({})), "[]");
  // Other fields are other people's business.
  EXPECT_EQ(MessagesFromJson(ParseJson(R"([{"role": "user", "name": 7, "content": "x"}])", ""), ""),
            (Messages{{Role::kUser, "x"}}));
}

TEST(MessageJsonTest, SaysWhatIsWrong) {
  EXPECT_TRUE(Contains(Refused(R"({"role": "user"})"), "a list"));
  EXPECT_TRUE(Contains(Refused(R"(["hi"])"), "no object"));
  EXPECT_TRUE(Contains(Refused(R"([{"role": "god", "content": ""}])"), "no role \"god\""));
  EXPECT_TRUE(Contains(Refused(R"([{"role": "user", "content": null}])"), "content"));
  EXPECT_TRUE(Contains(Refused(R"([{"content": "x"}])"), "line 3"));
}

}  // namespace
}  // namespace agon
