#include "core/config.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/names.h"
#include "tests/contains.h"

namespace agon {
namespace {

enum class Colour { kRed, kGreen };

struct Settings {
  int steps = 100;
  uint64_t seed = 1;
  float lr = 2e-4f;
  bool mask = false;
  std::string env = "math/shop";
  std::vector<std::string> sources;
  Colour colour = Colour::kGreen;
};

ConfigTable Bind(Settings& s) {
  ConfigTable table;
  table.Add("run.seed", &s.seed, "", "where random numbers start");
  table.Add("rl.steps", &s.steps, 0, 1000, "steps", "optimizer steps");
  table.Add("rl.lr", &s.lr, 0, 1, "", "learning rate");
  table.Add("rl.mask", &s.mask, "leave out");
  table.Add("rl.env", &s.env, "environment");
  table.Add("rl.sources", &s.sources, "where text comes from");
  table.AddChoice("rl.colour", &s.colour, {"red", "green"}, "a colour");
  return table;
}

std::string ErrorOf(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kCorrupt);
    return error.what();
  }
  return "no error";
}

TEST(Config, ReadsEveryType) {
  Settings s;
  Bind(s).ReadToml(
      "[run]\nseed = 7\n[rl]\nsteps = 3\nlr = 0.5\nmask = true\nenv = \"a\"\n"
      "sources = [\"x\", \"y\"]\ncolour = \"red\"\n",
      "recipe.toml");
  EXPECT_EQ(s.seed, 7u);
  EXPECT_EQ(s.steps, 3);
  EXPECT_EQ(s.lr, 0.5f);
  EXPECT_TRUE(s.mask);
  EXPECT_EQ(s.env, "a");
  EXPECT_EQ(s.sources, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(s.colour, Colour::kRed);
}

TEST(Config, KeysThatAreNotNamedKeepTheirValues) {
  Settings s;
  Bind(s).ReadToml("[rl]\nsteps = 3\n", "recipe.toml");
  EXPECT_EQ(s.lr, 2e-4f);
  EXPECT_EQ(s.env, "math/shop");
}

TEST(Config, WhatIsWrittenReadsBackAsTheSame) {
  Settings s;
  s.lr = 0.1f;
  s.env = "with \"quotes\" and \\ and \n";
  s.sources = {"a=text:/x y/**/*.txt", "b"};
  const std::string text = Bind(s).ToToml();
  Settings read;
  ConfigTable table = Bind(read);
  table.ReadToml(text, "again");
  EXPECT_EQ(table.ToToml(), text);
  EXPECT_EQ(read.lr, 0.1f);
  EXPECT_EQ(read.env, s.env);
  EXPECT_EQ(read.sources, s.sources);
}

TEST(Config, AnUnknownKeyNamesTheNearest) {
  Settings s;
  const std::string error = ErrorOf([&] { Bind(s).ReadToml("[rl]\nstesp = 3\n", "my.toml"); });
  EXPECT_TRUE(Contains(error, "rl.stesp")) << error;
  EXPECT_TRUE(Contains(error, "did you mean rl.steps?")) << error;
  EXPECT_TRUE(Contains(error, "my.toml")) << error;
}

TEST(Config, AnUnknownKeyFarFromAllSuggestsNone) {
  Settings s;
  const std::string error = ErrorOf([&] { Bind(s).ReadToml("[zzz]\nqqqqqqq = 3\n", "my.toml"); });
  EXPECT_FALSE(Contains(error, "did you mean")) << error;
}

TEST(Config, AKeyOutsideAnyGroupIsUnknown) {
  Settings s;
  EXPECT_TRUE(Contains(ErrorOf([&] { Bind(s).ReadToml("steps = 3\n", "r"); }), "unknown key"));
}

TEST(Config, AWrongTypeIsNamed) {
  Settings s;
  for (const char* text : {"[rl]\nsteps = \"3\"\n", "[rl]\nsteps = 3.0\n", "[rl]\nlr = true\n",
                           "[rl]\nmask = 1\n", "[rl]\nenv = 1\n", "[rl]\nsources = [1]\n",
                           "[rl]\nsources = \"a\"\n", "[rl]\nsteps = {a = 1}\n"}) {
    const std::string error = ErrorOf([&] { Bind(s).ReadToml(text, "my.toml"); });
    EXPECT_TRUE(Contains(error, "wanted")) << text << error;
  }
}

TEST(Config, AWholeNumberMayStandForAFraction) {
  Settings s;
  Bind(s).ReadToml("[rl]\nlr = 1\n", "r");
  EXPECT_EQ(s.lr, 1.0f);
}

TEST(Config, ValuesOutOfRangeAreRefused) {
  Settings s;
  for (const char* text : {"[rl]\nsteps = 1001\n", "[rl]\nsteps = -1\n", "[rl]\nlr = 1.5\n",
                           "[rl]\nlr = nan\n", "[run]\nseed = -1\n"}) {
    EXPECT_TRUE(Contains(ErrorOf([&] { Bind(s).ReadToml(text, "r"); }), "out of range")) << text;
  }
}

TEST(Config, AnUnknownChoiceListsTheChoices) {
  Settings s;
  const std::string error = ErrorOf([&] { Bind(s).ReadToml("[rl]\ncolour = \"blue\"\n", "r"); });
  EXPECT_TRUE(Contains(error, "red, green")) << error;
}

TEST(Config, TextThatIsNotTomlSaysWhere) {
  Settings s;
  const std::string error = ErrorOf([&] { Bind(s).ReadToml("[rl]\nsteps = = 3\n", "my.toml"); });
  EXPECT_TRUE(Contains(error, "my.toml:2:")) << error;
}

TEST(Config, SetTakesOneKey) {
  Settings s;
  ConfigTable table = Bind(s);
  table.Set("rl.steps=5");
  table.Set("rl.lr=1e-3");
  table.Set("rl.env=math/shop(difficulty=1..2)");
  table.Set("rl.colour=red");
  table.Set("rl.sources=[\"a\"]");
  EXPECT_EQ(s.steps, 5);
  EXPECT_EQ(s.lr, 1e-3f);
  EXPECT_EQ(s.env, "math/shop(difficulty=1..2)");
  EXPECT_EQ(s.colour, Colour::kRed);
  EXPECT_EQ(s.sources.size(), 1u);
}

TEST(Config, SetCannotSmuggleASecondKey) {
  Settings s;
  ConfigTable table = Bind(s);
  EXPECT_TRUE(Contains(ErrorOf([&] { table.Set("rl.steps=5\nlr=1"); }), "one line"));
  EXPECT_EQ(s.lr, 2e-4f);
  for (const char* value : {"", "abc", "\r7", "1 2", "[", "2024-99-99"}) {
    try {
      table.Set(std::string("rl.steps=") + value);
      ADD_FAILURE() << "rl.steps took " << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
      EXPECT_TRUE(Contains(error.what(), "rl.steps can't be ")) << error.what();
    }
  }
  EXPECT_TRUE(Contains(ErrorOf([&] { table.Set("rl.steps"); }), "key=value"));
  EXPECT_TRUE(Contains(ErrorOf([&] { table.Set("steps=5"); }), "key=value"));
}

TEST(Config, MarkdownShowsTheDefaultNotTheValue) {
  Settings s;
  ConfigTable table = Bind(s);
  table.Set("rl.steps=5");
  EXPECT_TRUE(
      Contains(table.ToMarkdown(), "| `rl.steps` | `100` | steps | 0 to 1000 | optimizer steps |"));
}

TEST(Names, DistanceCountsSwapsOnce) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("stesp", "steps"), 1);
  EXPECT_EQ(EditDistance("same", "same"), 0);
}

TEST(Names, NearestIsTheFirstOfEquals) {
  const std::vector<std::string> names = {"rl.kl", "rl.lr", "rl.steps"};
  EXPECT_EQ(NearestName("rl.step", names), "rl.steps");
  EXPECT_EQ(NearestName("rl.ll", names), "rl.kl");
  EXPECT_EQ(NearestName("something.else", names), "");
  EXPECT_EQ(NearestName(std::string(100000, 'x'), names), "");
}

}  // namespace
}  // namespace agon
