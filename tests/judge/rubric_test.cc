#include "judge/rubric/rubric.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/error.h"
#include "judge/rubric/rules.h"
#include "tests/error_of.h"

namespace agon::judge {
namespace {

Verdict Score(const std::string& rubric, const std::string& reply,
              const std::string& reference = "") {
  JudgeInfo info;
  info.name = "rubric:test";
  Question question;
  question.reference = reference;
  return MakeRubricJudge(ParseRubric(rubric, "test.toml"), info)->Score(question, reply);
}

// The value of a rubric's only rule.
double Value(const std::string& rule, const std::string& reply, const std::string& reference = "") {
  return Score("[[rule]]\nname = \"r\"\n" + rule, reply, reference).parts.at(0).value;
}

TEST(RubricTest, IsTheWeightedMeanOfItsRules) {
  const std::string rubric = R"(
name = "short and polite"
[[rule]]
name = "short"
kind = "length"
max = 3
weight = 3
[[rule]]
name = "polite"
kind = "contains"
any = ["please", "thank"]
)";
  const Verdict both = Score(rubric, "yes, thank you");
  EXPECT_DOUBLE_EQ(*both.score, 1);
  EXPECT_EQ(both.reason, "every rule is kept");
  const Verdict rude = Score(rubric, "no");
  EXPECT_DOUBLE_EQ(*rude.score, 0.75);  // (3 * 1 + 1 * 0) / 4
  EXPECT_EQ(rude.parts[1].name, "polite");
  EXPECT_EQ(rude.reason, "polite: none of the texts");
  EXPECT_DOUBLE_EQ(*Score(rubric, "thank you so very much").score, 0.25);
}

TEST(RubricTest, ARequiredRuleDecides) {
  const std::string rubric =
      "[[rule]]\nname = \"right\"\nkind = \"reference\"\nrequired = true\n"
      "[[rule]]\nname = \"short\"\nkind = \"length\"\nmax = 9\n";
  EXPECT_DOUBLE_EQ(*Score(rubric, "72", "72").score, 1);
  EXPECT_DOUBLE_EQ(*Score(rubric, "71", "72").score, 0);
  EXPECT_NE(ErrorOf([&] { Score(rubric, "72"); }, ErrorKind::kUsage), "");
}

TEST(RubricTest, LooksAtThePartThatItNames) {
  const std::string reply = "<think>bad idea</think>good idea";
  const std::string contains = "kind = \"contains\"\nany = [\"bad\"]\n";
  EXPECT_EQ(Value(contains, reply), 1);
  EXPECT_EQ(Value(contains + "of = \"thinking\"", reply), 1);
  EXPECT_EQ(Value(contains + "of = \"answer\"", reply), 0);
}

TEST(RubricRuleTest, Regex) {
  EXPECT_EQ(Value("kind = \"regex\"\npattern = '^\\d+$'", "42"), 1);
  EXPECT_EQ(Value("kind = \"regex\"\npattern = '^\\d+$'", "x42"), 0);
  EXPECT_EQ(Value("kind = \"regex\"\npattern = 'sorry'\nmax = 0\nignore_case = true", "Sorry!"), 0);
  EXPECT_EQ(Value("kind = \"regex\"\npattern = '\\bI\\b'\nmin = 2\nmax = 3", "I am I"), 1);
  EXPECT_EQ(Value("kind = \"regex\"\npattern = '\\bI\\b'\nmin = 2\nmax = 3", "I I I I"), 0);
}

TEST(RubricRuleTest, Contains) {
  EXPECT_EQ(Value("kind = \"contains\"\nall = [\"a\", \"b\", \"c\", \"d\"]", "a b"), 0.5);
  EXPECT_EQ(Value("kind = \"contains\"\nnone = [\"as an AI\"]", "as an AI model"), 0);
  EXPECT_EQ(Value("kind = \"contains\"\nany = [\"YES\"]\nignore_case = true", "oh yes"), 1);
}

TEST(RubricRuleTest, LengthFallsOverItsSlack) {
  const std::string rule = "kind = \"length\"\nunit = \"chars\"\nmin = 2\nmax = 4\nslack = 4";
  EXPECT_EQ(Value(rule, "abc"), 1);
  EXPECT_EQ(Value(rule, "\u00e4\u00f6\u00fc\u00df"), 1);  // characters, not bytes
  EXPECT_EQ(Value(rule, "abcde"), 0.75);
  EXPECT_EQ(Value(rule, "abcdefgh"), 0);
  EXPECT_EQ(Value(rule, ""), 0.5);
  EXPECT_EQ(Value("kind = \"length\"\nunit = \"lines\"\nmax = 2", "a\n\n b\n"), 1);
}

TEST(RubricRuleTest, Format) {
  const auto is = [](const std::string& format, const std::string& reply) {
    return Value("kind = \"format\"\nis = \"" + format + "\"", reply);
  };
  EXPECT_EQ(is("json", "{\"a\": 1}"), 1);
  EXPECT_EQ(is("json", "Here:\n```json\n{\"a\": 1}\n```"), 1);
  EXPECT_EQ(is("json", "{'a': 1}"), 0);
  EXPECT_EQ(Value("kind = \"format\"\nis = \"json\"\nkeys = [\"a\", \"b\"]", "{\"a\": 1}"), 0);
  EXPECT_EQ(is("boxed", "so \\boxed{1}"), 1);
  EXPECT_EQ(is("answer_line", "so\nAnswer: 1"), 1);
  EXPECT_EQ(is("answer_line", "Answer:"), 0);
  EXPECT_EQ(is("list", "- a\n- b"), 1);
  EXPECT_EQ(is("code_block", "```py\nx\n```"), 1);
  EXPECT_EQ(is("one_line", "a b\n"), 1);
  EXPECT_EQ(is("one_line", "a\nb"), 0);
  EXPECT_EQ(is("thinking", "<think>hm</think> 1"), 1);
}

TEST(RubricRuleTest, Repetition) {
  EXPECT_EQ(Value("kind = \"repetition\"", "every word of this differs from all of the others"), 1);
  std::string loop;
  for (int i = 0; i < 50; ++i) loop += "I can do it ";
  EXPECT_EQ(Value("kind = \"repetition\"", loop), 0);
}

TEST(RubricRuleTest, Language) {
  EXPECT_EQ(GuessLanguage("The cat is on the mat, and that is where it was."), "en");
  EXPECT_EQ(GuessLanguage("Die Katze ist nicht auf der Matte, und das ist gut."), "de");
  EXPECT_EQ(GuessLanguage("Le chat est dans la maison et les enfants sont avec vous."), "fr");
  EXPECT_EQ(GuessLanguage(
                "El gato no est\u00e1 en la casa, pero los ni\u00f1os s\u00ed, y es muy tarde."),
            "es");
  EXPECT_EQ(
      GuessLanguage(
          "\u041a\u043e\u0448\u043a\u0430 \u0441\u0438\u0434\u0438\u0442 \u0434\u043e\u043c\u0430"),
      "ru");
  EXPECT_EQ(GuessLanguage("\u732b\u306f\u5bb6\u306b\u3044\u307e\u3059"), "ja");
  EXPECT_EQ(GuessLanguage("\u732b\u5728\u5bb6\u91cc"), "zh");
  EXPECT_EQ(GuessLanguage("72"), "");
  EXPECT_EQ(GuessLanguage("\xff\xfe"), "");
  EXPECT_EQ(Value("kind = \"language\"\nis = \"de\"", "72"), 1);
  EXPECT_EQ(Value("kind = \"language\"\nis = \"de\"", "This is not what you have asked for."), 0);
}

TEST(RubricTest, SaysWhatIsWrongWithTheFile) {
  const auto error = [](const std::string& toml, ErrorKind kind = ErrorKind::kUsage) {
    return ErrorOf([&] { ParseRubric(toml, "r.toml"); }, kind);
  };
  EXPECT_TRUE(Contains(error(""), "1 to 256 rules"));
  EXPECT_TRUE(Contains(error("x = ", ErrorKind::kCorrupt), "line 1"));
  EXPECT_TRUE(Contains(error("[[rule]]\nkind = \"regex\"", ErrorKind::kCorrupt), "\"name\""));
  const std::string head = "[[rule]]\nname = \"x\"\nkind = ";
  EXPECT_TRUE(Contains(error(head + "\"lenght\""), "known are regex"));
  EXPECT_TRUE(Contains(error(head + "\"length\"\nmaxi = 1"), "did you mean \"max\""));
  EXPECT_TRUE(Contains(error(head + "\"length\""), "at least one of min and max"));
  EXPECT_TRUE(Contains(error(head + "\"regex\"\npattern = \"(\""), "rule \"x\""));
  EXPECT_TRUE(Contains(error(head + "\"contains\""), "give one of"));
  EXPECT_TRUE(Contains(error(head + "\"contains\"\nany = [\"\"]"), "empty text"));
  EXPECT_TRUE(Contains(error(head + "\"length\"\nmax = 1\nweight = -1"), "weight"));
  EXPECT_TRUE(Contains(error(head + "\"length\"\nmax = 1\nweight = nan"), "weight"));
  EXPECT_TRUE(Contains(error(head + "\"length\"\nmax = 1\nweight = 0"), "above 0"));
  EXPECT_TRUE(Contains(error(head + "\"length\"\nmax = 1\n" + head + "\"boxed\""), "known are"));
  const std::string rule = head + "\"length\"\nmax = 1\n";
  EXPECT_TRUE(Contains(error(rule + rule), "two rules"));
  EXPECT_TRUE(Contains(error(rule + "of = \"mind\""), "thinking"));
}

}  // namespace
}  // namespace agon::judge
