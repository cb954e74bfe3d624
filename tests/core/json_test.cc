#include "core/json.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace agon {
namespace {

// The text of the error that parsing `text` ends in, "" if it succeeds.
std::string ParseFailure(std::string_view text) {
  try {
    ParseJson(text, "here.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    return error.what();
  }
  return "";
}

std::string Nested(int depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

TEST(ParseJsonTest, KeepsTheOrderOfKeys) {
  EXPECT_EQ(ParseJson(R"({"z": 1, "a": [true, null, "é"]})", "").dump(),
            R"({"z":1,"a":[true,null,"é"]})");
}

TEST(ParseJsonTest, NamesThePlaceAndTheByteOfAnError) {
  const std::string failure = ParseFailure(R"({"a": 1,})");
  EXPECT_NE(failure.find("here.json"), std::string::npos) << failure;
  EXPECT_NE(failure.find("at byte 9"), std::string::npos) << failure;
}

TEST(ParseJsonTest, RefusesMalformedText) {
  for (const char* text : {"", " ", "{", "[1,", "\"open", "nul", "1 2", "{\"a\" 1}", "[\"\\x\"]",
                           "\"\xff\xfe\"", "\"\xed\xa0\x80\"", "\"\\ud800\"", "01", "}", "]["}) {
    EXPECT_NE(ParseFailure(text), "") << text;
  }
  EXPECT_NE(ParseFailure(std::string_view("\"a\0b\"", 5)), "");
}

TEST(ParseJsonTest, RefusesNumbersThatADoubleCannotHold) {
  EXPECT_NE(ParseFailure("1e999").find("out of range"), std::string::npos);
  EXPECT_EQ(ParseFailure("1e300"), "");
}

TEST(ParseJsonTest, LimitsNestingTo64) {
  EXPECT_EQ(ParseFailure(Nested(64, '[', ']')), "");
  EXPECT_NE(ParseFailure(Nested(65, '[', ']')).find("deeper than 64"), std::string::npos);
  EXPECT_NE(ParseFailure(std::string(1000000, '[')).find("deeper than 64"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  EXPECT_NE(ParseFailure(objects).find("deeper than 64"), std::string::npos);
}

TEST(ParseJsonTest, BracketsInsideStringsAreNoNesting) {
  const std::string brackets(200, '[');
  EXPECT_EQ(ParseJson("\"" + brackets + "\"", "").get<std::string>(), brackets);
  EXPECT_EQ(ParseFailure("[\"\\\"" + brackets + "\"]"), "");
  EXPECT_EQ(ParseFailure("[\"\\\\\", " + Nested(63, '[', ']') + "]"), "");
}

TEST(ReadJsonTest, NamesTheFile) {
  const std::string path = ::testing::TempDir() + "read_json_test.json";
  WriteFileAtomic(path, R"({"a": 1})");
  EXPECT_EQ(ReadJson(path)["a"], 1);
  WriteFileAtomic(path, R"({"a": )");
  try {
    ReadJson(path);
    FAIL() << "a truncated file was read";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
  }
  fs::remove(path);
  try {
    ReadJson(path);
    FAIL() << "a missing file was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  }
}

template <typename T>
std::string FieldFailure(const char* object, const char* key) {
  try {
    JsonField<T>(ParseJson(object, ""), key, "config.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    return error.what();
  }
  return "";
}

TEST(JsonFieldTest, ReadsEveryTypeInUse) {
  const Json object = ParseJson(
      R"({"i": -3, "u": 18446744073709551615, "d": 2, "b": true, "s": "x", "v": [1, 2]})", "");
  EXPECT_EQ(JsonField<int>(object, "i", ""), -3);
  EXPECT_EQ(JsonField<uint64_t>(object, "u", ""), UINT64_MAX);
  EXPECT_EQ(JsonField<double>(object, "d", ""), 2.0);
  EXPECT_TRUE(JsonField<bool>(object, "b", ""));
  EXPECT_EQ(JsonField<std::string>(object, "s", ""), "x");
  EXPECT_EQ(JsonField<std::vector<int>>(object, "v", ""), (std::vector<int>{1, 2}));
  EXPECT_EQ(JsonField<Json>(object, "v", "").size(), 2u);
}

TEST(JsonFieldTest, NamesAMissingKeyAndThePlace) {
  const std::string failure = FieldFailure<int>(R"({"a": 1})", "hidden_size");
  EXPECT_NE(failure.find("config.json"), std::string::npos) << failure;
  EXPECT_NE(failure.find("\"hidden_size\""), std::string::npos) << failure;
  EXPECT_NE(FieldFailure<int>("[1]", "a"), "");
}

TEST(JsonFieldTest, RefusesAWrongType) {
  EXPECT_NE(FieldFailure<int>(R"({"a": "7"})", "a").find("\"7\""), std::string::npos);
  EXPECT_NE(FieldFailure<int>(R"({"a": 1.5})", "a"), "");
  EXPECT_NE(FieldFailure<int>(R"({"a": true})", "a"), "");
  EXPECT_NE(FieldFailure<double>(R"({"a": true})", "a"), "");
  EXPECT_NE(FieldFailure<bool>(R"({"a": 1})", "a"), "");
  EXPECT_NE(FieldFailure<std::string>(R"({"a": null})", "a"), "");
  EXPECT_NE(FieldFailure<std::vector<int>>(R"({"a": ["x"]})", "a"), "");
}

TEST(JsonFieldTest, RefusesAnIntegerThatDoesNotFit) {
  EXPECT_NE(FieldFailure<int>(R"({"a": 2147483648})", "a"), "");
  EXPECT_EQ(FieldFailure<int>(R"({"a": 2147483647})", "a"), "");
  EXPECT_EQ(FieldFailure<int>(R"({"a": -2147483648})", "a"), "");
  EXPECT_NE(FieldFailure<size_t>(R"({"a": -1})", "a"), "");
  EXPECT_NE(FieldFailure<int64_t>(R"({"a": 9223372036854775808})", "a"), "");
  EXPECT_NE(FieldFailure<int64_t>(R"({"a": 1e30})", "a"), "");
  EXPECT_NE(FieldFailure<std::vector<uint64_t>>(R"({"a": [1, 18446744073709551616]})", "a"), "");
  EXPECT_NE(FieldFailure<std::vector<uint64_t>>(R"({"a": [1, -1]})", "a"), "");
  EXPECT_EQ(FieldFailure<std::vector<uint64_t>>(R"({"a": [1, 2]})", "a"), "");
}

TEST(JsonFieldTest, ShortensALongValue) {
  const std::string object = "{\"a\": \"" + std::string(5000, 'x') + "\"}";
  EXPECT_LT(FieldFailure<int>(object.c_str(), "a").size(), 200u);
}

}  // namespace
}  // namespace agon
