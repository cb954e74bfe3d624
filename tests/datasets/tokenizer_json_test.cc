#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "datasets/pretokenize.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {
namespace {

using Merges = std::vector<std::pair<int32_t, int32_t>>;
using Ids = std::vector<int32_t>;

class TemporaryDir {
 public:
  TemporaryDir() : path_(fs::temp_directory_path() / ("agon-tok-" + std::to_string(getpid()))) {
    fs::create_directories(path_);
  }
  ~TemporaryDir() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

class TokenizerJson : public testing::Test {
 protected:
  TokenizerJson() {
    Tokenizer::FromMerges({{'a', 'b'}, {' ', 256}, {0xc3, 0xa9}}, ChatSpecialTokens()).Save(file_);
    json_ = ReadJson(file_);
  }

  Tokenizer LoadJson() {
    WriteFileAtomic(file_, json_.dump());
    return Tokenizer::Load(file_);
  }

  // What Load says about the changed file, as "kind: text".
  void ExpectError(ErrorKind kind, const std::string& text) {
    try {
      LoadJson();
      ADD_FAILURE() << "no error, expected: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  }

  TemporaryDir dir_;
  fs::path file_ = dir_ / "tokenizer.json";
  Json json_;
};

TEST_F(TokenizerJson, RoundTripsThroughTheFile) {
  const Tokenizer tokenizer = LoadJson();
  EXPECT_EQ(tokenizer.vocab_size(), 259 + 9);
  EXPECT_EQ(tokenizer.Encode("ab ab\xc3\xa9"), (Ids{256, 257, 258}));
  EXPECT_EQ(tokenizer.SpecialId("<|im_end|>"), 261);
  tokenizer.Save(dir_ / "again.json");
  LoadJson().Save(file_);
  EXPECT_EQ(ReadFile(dir_ / "again.json"), ReadFile(file_));
}

TEST_F(TokenizerJson, WritesWhatHuggingFaceReads) {
  EXPECT_EQ(json_["model"]["vocab"]["Ġab"], 257);
  EXPECT_EQ(json_["model"]["vocab"]["Ċ"], 10);
  EXPECT_EQ(json_["model"]["vocab"]["!"], 33);
  EXPECT_EQ(json_["model"]["vocab"]["Ã©"], 258);
  EXPECT_EQ(json_["model"]["merges"][1], Json::array({"Ġ", "ab"}));
  EXPECT_TRUE(json_["normalizer"].is_null());
  EXPECT_EQ(json_["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"], kSplitPattern);
  EXPECT_EQ(json_["added_tokens"][0]["content"], "<|endoftext|>");
  EXPECT_EQ(json_["added_tokens"][0]["special"], true);
  EXPECT_EQ(json_["added_tokens"][3]["content"], "<think>");
  EXPECT_EQ(json_["added_tokens"][3]["special"], false);
}

TEST_F(TokenizerJson, ReadsMergesAsStrings) {
  json_["model"]["merges"] = {"a b", "Ġ ab", "Ã ©"};
  EXPECT_EQ(LoadJson().Encode("ab ab\xc3\xa9"), (Ids{256, 257, 258}));
}

TEST_F(TokenizerJson, RankIsThePlaceInTheListNotTheId) {
  json_["model"]["merges"] = Json::array({Json::array({"Ġ", "a"}), Json::array({"a", "b"})});
  json_["model"]["vocab"].erase("Ġab");
  json_["model"]["vocab"]["Ġa"] = 257;
  EXPECT_EQ(LoadJson().Encode(" ab"), (Ids{257, 'b'}));
}

TEST_F(TokenizerJson, IgnoreMergesTakesWholeWords) {
  json_["model"]["merges"] = Json::array();
  EXPECT_EQ(LoadJson().Encode(" ab"), (Ids{' ', 'a', 'b'}));
  json_["model"]["ignore_merges"] = true;
  EXPECT_EQ(LoadJson().Encode(" ab"), (Ids{257}));
}

TEST_F(TokenizerJson, AddedTokensMayStandInTheVocabularyToo) {
  json_["model"]["vocab"]["<|endoftext|>"] = 259;
  EXPECT_EQ(LoadJson().SpecialId("<|endoftext|>"), 259);
  json_["model"]["vocab"]["<|endoftext|>"] = 260;
  ExpectError(ErrorKind::kCorrupt, "used twice");
}

TEST_F(TokenizerJson, MissingFile) {
  try {
    Tokenizer::Load(dir_ / "absent.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
  }
}

TEST_F(TokenizerJson, EveryTruncationIsCorrupt) {
  const std::string text = json_.dump();
  for (size_t size = 0; size < text.size(); size += 1 + text.size() / 150) {
    WriteFileAtomic(file_, text.substr(0, size));
    try {
      Tokenizer::Load(file_);
      FAIL() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
      EXPECT_NE(std::string(error.what()).find("tokenizer.json"), std::string::npos);
    }
  }
}

TEST_F(TokenizerJson, WrongTypesAreCorrupt) {
  for (const char* pointer :
       {"/model", "/model/vocab", "/model/merges", "/added_tokens", "/added_tokens/0",
        "/added_tokens/0/content", "/added_tokens/0/id", "/model/merges/0", "/model/vocab/a"}) {
    SCOPED_TRACE(pointer);
    const Json::json_pointer place(pointer);
    const Json saved = json_;
    for (const Json& value : {Json(1.5), Json("x"), Json(-3), Json(true), Json::array({1, 2, 3})}) {
      json_ = saved;
      json_[place] = value;
      if (saved[place].type() == value.type()) continue;
      try {
        LoadJson();
        ADD_FAILURE() << value.dump();
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kCorrupt) << error.what();
      }
    }
    json_ = saved;
  }
}

TEST_F(TokenizerJson, HostileVocabularies) {
  const Json saved = json_;
  json_["model"]["merges"].push_back(Json::array({"q", "zz"}));
  ExpectError(ErrorKind::kCorrupt, "unknown token \"zz\"");
  json_ = saved;
  json_["model"]["merges"].push_back(Json::array({"a", "c"}));  // "ac" has no id
  ExpectError(ErrorKind::kCorrupt, "unknown token \"ac\"");
  json_ = saved;
  json_["model"]["vocab"]["ab"] = 1000;
  ExpectError(ErrorKind::kCorrupt, "id 1000 exceeds");
  json_ = saved;
  json_["model"]["vocab"]["ab"] = 18446744073709551615ull;
  ExpectError(ErrorKind::kCorrupt, "not a token id");
  json_ = saved;
  json_["model"]["vocab"]["ab"] = 3;
  ExpectError(ErrorKind::kCorrupt, "used twice");
  json_ = saved;
  json_["model"]["vocab"]["\u4e2d"] = 268;
  ExpectError(ErrorKind::kCorrupt, "not made of byte characters");
  json_ = saved;
  json_["added_tokens"].erase(8);
  json_["model"]["vocab"].erase("a");
  json_["model"]["vocab"]["zzz"] = 'a';
  json_["model"]["merges"] = Json::array();
  ExpectError(ErrorKind::kCorrupt, "no token for byte 97");
  json_ = saved;
  json_["added_tokens"][1]["content"] = "<|endoftext|>";
  ExpectError(ErrorKind::kCorrupt, "two added tokens");
}

TEST_F(TokenizerJson, WhatWouldChangeTheTextIsUnsupported) {
  const Json saved = json_;
  json_["normalizer"] = {{"type", "Lowercase"}};
  ExpectError(ErrorKind::kUnsupported, "normalizer");
  json_ = saved;
  json_["model"]["type"] = "Unigram";
  ExpectError(ErrorKind::kUnsupported, "model.type");
  json_ = saved;
  json_["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\s+";
  ExpectError(ErrorKind::kUnsupported, "Qwen2");
  json_ = saved;
  json_["pre_tokenizer"] = nullptr;
  ExpectError(ErrorKind::kUnsupported, "pre_tokenizer");
  json_ = saved;
  json_["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true;
  ExpectError(ErrorKind::kUnsupported, "ByteLevel");
  json_ = saved;
  json_["model"]["dropout"] = 0.1;
  ExpectError(ErrorKind::kUnsupported, "dropout");
}

TEST_F(TokenizerJson, DeepNestingIsCorrupt) {
  std::string text = "{\"model\":";
  text.append(200000, '[');
  WriteFileAtomic(file_, text);
  EXPECT_THROW(Tokenizer::Load(file_), Error);
}

TEST_F(TokenizerJson, ReadsALargeVocabularyInLinearTime) {
  Merges merges;
  for (int32_t left = 0; left < 256; ++left) {
    for (int32_t right = 0; right < 256; ++right) merges.emplace_back(left, right);
  }
  const Tokenizer large = Tokenizer::FromMerges(merges, ChatSpecialTokens());
  large.Save(file_);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Tokenizer::Load(file_).vocab_size(), large.vocab_size());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace agon::datasets
