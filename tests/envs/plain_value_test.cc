// Values that cross between boxes: their form, and equality as in Python.
#include "envs/code/plain_value.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace agon::envs {
namespace {

PlainValue Value(const std::string& json) { return ParsePlainValue(json, "test"); }

bool Equal(const std::string& a, const std::string& b, std::optional<double> tolerance = {}) {
  const bool equal = EqualPlainValues(Value(a), Value(b), tolerance);
  EXPECT_EQ(EqualPlainValues(Value(b), Value(a), tolerance), equal) << a << " and " << b;
  return equal;
}

TEST(PlainValueTest, FormReadsBack) {
  for (const std::string json : {"null",
                                 "true",
                                 "-7",
                                 "9223372036854775807",
                                 "-9223372036854775808",
                                 R"({"$int":"0x8000000000000000"})",
                                 R"({"$int":"-0x8000000000000001"})",
                                 "1.5",
                                 "2.0",
                                 R"({"$float":"nan"})",
                                 R"({"$float":"-inf"})",
                                 R"("a\u0000é")",
                                 R"({"$bytes":"00ff"})",
                                 R"({"$complex":[0.0,{"$float":"inf"}]})",
                                 R"([1,[2]])",
                                 R"({"$tuple":[1,2]})",
                                 R"({"$set":[1,"1"]})",
                                 R"({"$frozenset":[]})",
                                 R"({"a":1,"b":[]})",
                                 R"({"$dict":[[1,2],[{"$tuple":[1]},3]]})",
                                 R"({"$dict":[["$a",2]]})",
                                 R"({"$type":"int"})"}) {
    EXPECT_EQ(PlainValueJson(Value(json)), json);
  }
  EXPECT_EQ(PlainValueJson(Value(R"({"$int":"0x00ff"})")), "255");
  EXPECT_EQ(PlainValueJson(Value("18446744073709551615")), R"({"$int":"0xffffffffffffffff"})");
  EXPECT_EQ(PlainValueJson(Value(R"({"$dict":[["a",2]]})")), R"({"a":2})");
}

TEST(PlainValueTest, LargeDictsAreWrittenAsPairs) {
  std::string pairs;
  for (int i = 0; i < 1000; ++i) {
    pairs += (i ? ",[\"" : "[\"") + std::to_string(i) + "\"," + std::to_string(i) + "]";
  }
  const std::string json = "{\"$dict\":[" + pairs + "]}";
  EXPECT_EQ(PlainValueJson(Value(json)), json);
}

TEST(PlainValueTest, RefusesWhatIsNoValue) {
  std::string many_keys = "{\"a\":1";
  for (int i = 0; i < 300; ++i) many_keys += ",\"" + std::to_string(i) + "\":1";
  for (const std::string& json : {std::string(""),
                                  std::string("{"),
                                  std::string("nan"),
                                  std::string(100000, '['),
                                  std::string("\"\xff\""),
                                  std::string("1e999"),
                                  many_keys + "}",
                                  std::string(R"({"$int":"ff"})"),
                                  std::string(R"({"$int":"0x"})"),
                                  std::string(R"({"$int":"0xFF"})"),
                                  std::string(R"({"$int":3})"),
                                  std::string(R"({"$float":"1"})"),
                                  std::string(R"({"$tuple":1})"),
                                  std::string(R"({"$dict":[[1]]})"),
                                  std::string(R"({"$dict":{"a":1}})"),
                                  std::string(R"({"$bytes":"0"})"),
                                  std::string(R"({"$bytes":"0G"})"),
                                  std::string(R"({"$type":"object"})"),
                                  std::string(R"({"$complex":[1,2]})"),
                                  std::string(R"({"$list":[]})"),
                                  std::string(R"({"a":1,"$b":2})"),
                                  std::string(R"({"$set":[1,1.0]})"),
                                  std::string(R"({"$set":[[1]]})"),
                                  std::string(R"({"$dict":[[true,1],[1,2]]})"),
                                  std::string(R"({"$dict":[[{},1]]})"),
                                  std::string(R"({"$set":[{"$tuple":[[]]}]})")}) {
    try {
      Value(json);
      ADD_FAILURE() << json.substr(0, 80);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << json.substr(0, 80);
    }
  }
}

TEST(PlainValueTest, NumbersAreEqualAsInPython) {
  EXPECT_TRUE(Equal("2", "2.0"));
  EXPECT_TRUE(Equal("true", "1"));
  EXPECT_TRUE(Equal("false", "0.0"));
  EXPECT_TRUE(Equal("0.0", "-0.0"));
  EXPECT_TRUE(Equal("2", R"({"$complex":[2.0,0.0]})"));
  EXPECT_TRUE(Equal("18446744073709551616.0", R"({"$int":"0x10000000000000000"})"));
  EXPECT_TRUE(Equal("1e300", "1e300"));
  EXPECT_TRUE(Equal(R"({"$float":"nan"})", R"({"$float":"nan"})"));
  EXPECT_TRUE(Equal("9007199254740992.0", "9007199254740992"));
  EXPECT_FALSE(Equal("9007199254740992.0", "9007199254740993"));
  EXPECT_FALSE(Equal("9223372036854775807", "9223372036854775808.0"));
  EXPECT_FALSE(Equal("18446744073709551616.0", R"({"$int":"0x10000000000000001"})"));
  EXPECT_FALSE(Equal("1.5", "1"));
  EXPECT_FALSE(Equal("0.1", "0.10000000000000002"));
  EXPECT_FALSE(Equal(R"({"$float":"nan"})", "0"));
  EXPECT_FALSE(Equal(R"({"$float":"inf"})", R"({"$float":"-inf"})"));
  EXPECT_FALSE(Equal("2", R"({"$complex":[2.0,1.0]})"));
}

TEST(PlainValueTest, KindsDoNotMix) {
  const std::string values[] = {"null",
                                "0",
                                "\"\"",
                                "\"0\"",
                                R"({"$bytes":""})",
                                "[]",
                                R"({"$tuple":[]})",
                                R"({"$set":[]})",
                                "{}",
                                R"({"$type":"int"})"};
  for (const std::string& a : values) {
    for (const std::string& b : values) EXPECT_EQ(Equal(a, b), &a == &b) << a << " and " << b;
  }
}

TEST(PlainValueTest, ContainersAreEqualByTheirParts) {
  EXPECT_TRUE(Equal("[1,[2.0]]", "[1.0,[2]]"));
  EXPECT_FALSE(Equal("[1,2]", "[2,1]"));
  EXPECT_FALSE(Equal("[1,2]", "[1,2,3]"));
  EXPECT_FALSE(Equal("[1,2]", R"({"$tuple":[1,2]})"));
  EXPECT_TRUE(Equal(R"({"$set":[1,2,"a"]})", R"({"$set":["a",2.0,true]})"));
  EXPECT_TRUE(Equal(R"({"$set":[1]})", R"({"$frozenset":[1]})"));
  EXPECT_FALSE(Equal(R"({"$set":[1,2]})", R"({"$set":[1,3]})"));
  EXPECT_TRUE(Equal(R"({"$set":[{"$frozenset":[1,2]}]})", R"({"$set":[{"$frozenset":[2,1]}]})"));
  EXPECT_FALSE(Equal(R"({"$set":[{"$tuple":["1:","2"]}]})", R"({"$set":[{"$tuple":["1:2",""]}]})"));
  EXPECT_TRUE(Equal(R"({"a":1,"b":[2]})", R"({"b":[2.0],"a":1})"));
  EXPECT_TRUE(Equal(R"({"$dict":[[1,"x"]]})", R"({"$dict":[[1.0,"x"]]})"));
  EXPECT_FALSE(Equal(R"({"a":1})", R"({"a":2})"));
  EXPECT_FALSE(Equal(R"({"a":1})", R"({"b":1})"));
}

TEST(PlainValueTest, ToleranceIsForFloatsOnly) {
  EXPECT_TRUE(Equal("0.1", "0.1000001", 1e-6));
  EXPECT_TRUE(Equal("1000000.0", "1000000.5", 1e-6));
  EXPECT_TRUE(Equal("1", "1.0000001", 1e-6));
  EXPECT_TRUE(Equal("[{\"a\":0.5}]", "[{\"a\":0.5000001}]", 1e-6));
  EXPECT_TRUE(Equal(R"({"$complex":[1.0,1.0]})", R"({"$complex":[1.0,1.0000001]})", 1e-6));
  EXPECT_FALSE(Equal("1000000", "1000001", 1e-3));
  EXPECT_FALSE(Equal("0.1", "0.2", 1e-6));
  EXPECT_FALSE(Equal("0.1", R"({"$float":"nan"})", 1e-6));
  EXPECT_FALSE(Equal(R"({"$float":"inf"})", "1e300", 1e-6));
  EXPECT_FALSE(Equal("\"0.1\"", "\"0.1000001\"", 1e-6));
  EXPECT_FALSE(Equal(R"({"$set":[0.1]})", R"({"$set":[0.1000001]})", 1e-6));
}

TEST(PlainValueTest, ShownShortAndPrintable) {
  EXPECT_EQ(ShowPlainValue(Value("[\"é\\n\"]")), R"(["\u00e9\n"])");
  EXPECT_EQ(ShowPlainValue(Value("\"" + std::string(200, 'a') + "\""), 10), "\"aaaaaaaaa...");
}

}  // namespace
}  // namespace agon::envs
