#include "core/toml.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/error_of.h"

namespace agon {
namespace {

TEST(ParseTomlTest, KeepsTheOrderAndTheTypes) {
  const Json json = ParseToml(R"(
name = "r"
z = 1
a = [1.5, true, "x"]
[[rule]]
weight = 2
kind = "regex"
[[rule]]
day = 2026-11-25
)",
                              "r.toml");
  EXPECT_EQ(json.dump(), R"({"name":"r","z":1,"a":[1.5,true,"x"],)"
                         R"("rule":[{"weight":2,"kind":"regex"},{"day":"2026-11-25"}]})");
}

TEST(ParseTomlTest, AnErrorNamesFileLineAndColumn) {
  const std::string error =
      ErrorOf([] { ParseToml("a = 1\nb = ]", "r.toml"); }, ErrorKind::kCorrupt);
  EXPECT_TRUE(Contains(error, "r.toml")) << error;
  EXPECT_TRUE(Contains(error, "line 2, column 5")) << error;
}

TEST(ParseTomlTest, DeepNestingIsRefused) {
  const auto nested = [](size_t n) { return "a = " + std::string(n, '[') + std::string(n, ']'); };
  EXPECT_EQ(ErrorOf([&] { ParseToml(nested(60), ""); }, ErrorKind::kCorrupt), "");
  EXPECT_NE(ErrorOf([&] { ParseToml(nested(65), ""); }, ErrorKind::kCorrupt), "");
  EXPECT_NE(ErrorOf([&] { ParseToml(nested(100000), ""); }, ErrorKind::kCorrupt), "");
}

TEST(CheckKeysTest, NamesTheNearestKey) {
  const Json json = {{"wieght", 1}};
  const std::string error = ErrorOf(
      [&] {
        CheckKeys(json, {"weight", "kind"}, "r.toml");
      },
      ErrorKind::kUsage);
  EXPECT_TRUE(Contains(error, "\"wieght\"") && Contains(error, "\"weight\"")) << error;
  CheckKeys({{"kind", 1}}, {"weight", "kind"}, "r.toml");
}

}  // namespace
}  // namespace agon
