#include "datasets/tokenizer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "datasets/pretokenize.h"

namespace agon::datasets {
namespace {

using Merges = std::vector<std::pair<int32_t, int32_t>>;
using Ids = std::vector<int32_t>;

// Joins the lowest-ranked pair of each pre-token, leftmost first, by looking at all.
Ids ReferenceEncode(const Merges& merges, std::string_view text) {
  std::map<std::pair<int32_t, int32_t>, int32_t> rank;
  for (size_t i = 0; i < merges.size(); ++i) rank[merges[i]] = static_cast<int32_t>(i);
  Ids ids;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = PretokenEnd(text, begin);
    Ids word;
    for (size_t i = begin; i < end; ++i) word.push_back(static_cast<uint8_t>(text[i]));
    for (;;) {
      int32_t best = INT32_MAX;
      size_t at = 0;
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        const auto found = rank.find({word[i], word[i + 1]});
        if (found != rank.end() && found->second < best) best = found->second, at = i;
      }
      if (best == INT32_MAX) break;
      word[at] = 256 + best;
      word.erase(word.begin() + at + 1);
    }
    ids.insert(ids.end(), word.begin(), word.end());
    begin = end;
  }
  return ids;
}

// Merges that spell distinct tokens over a small alphabet, so that they often apply.
Merges RandomMerges(Rng& rng, std::string_view alphabet, int count) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  std::map<std::string, int> known;
  Merges merges;
  const auto pick = [&] {
    const uint64_t i = rng.Below(alphabet.size() + merges.size());
    return static_cast<int32_t>(i < alphabet.size() ? static_cast<uint8_t>(alphabet[i])
                                                    : 256 + i - alphabet.size());
  };
  while (static_cast<int>(merges.size()) < count) {
    const int32_t left = pick(), right = pick();
    const std::string token = tokens[left] + tokens[right];
    if (token.size() > 40 || !known.emplace(token, 0).second) continue;
    merges.emplace_back(left, right);
    tokens.push_back(token);
  }
  return merges;
}

std::string RandomText(Rng& rng, std::string_view alphabet, size_t length) {
  std::string text;
  while (text.size() < length) text += alphabet[rng.Below(alphabet.size())];
  return text;
}

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

TEST(Tokenizer, BytesAreTheirOwnIds) {
  const Tokenizer tokenizer = Tokenizer::FromMerges({}, {});
  EXPECT_EQ(tokenizer.vocab_size(), 256);
  EXPECT_EQ(tokenizer.Encode("A\xff"), (Ids{65, 255}));
  EXPECT_EQ(tokenizer.Encode(""), Ids{});
}

TEST(Tokenizer, MergesByRankNotFromTheLeft) {
  // "abc": b+c has the lower rank, so a+b never happens.
  const Tokenizer tokenizer = Tokenizer::FromMerges({{'b', 'c'}, {'a', 'b'}}, {});
  EXPECT_EQ(tokenizer.Encode("abc"), (Ids{'a', 256}));
  EXPECT_EQ(tokenizer.Encode("abb"), (Ids{257, 'b'}));
  EXPECT_EQ(Tokenizer::FromMerges({{'a', 'a'}}, {}).Encode("aaa"), (Ids{256, 'a'}));
}

TEST(Tokenizer, NeverMergesAcrossPretokens) {
  const Tokenizer tokenizer = Tokenizer::FromMerges({{'a', ' '}, {' ', 'b'}}, {});
  EXPECT_EQ(tokenizer.Encode("a b"), (Ids{'a', 257}));
}

TEST(Tokenizer, EqualsTheReference) {
  Rng rng(RngKey{.run_seed = 7});
  for (const std::string alphabet : {"ab", "abcde ", "aA1 \n'.", "\xc3\xa9\xff a"}) {
    for (int round = 0; round < 12; ++round) {
      const Merges merges = RandomMerges(rng, alphabet, 1 + 10 * round);
      const Tokenizer tokenizer = Tokenizer::FromMerges(merges, {"<|x|>"});
      for (size_t length : {1, 2, 7, 22, 23, 24, 25, 47, 48, 49, 50, 300}) {
        const std::string text = RandomText(rng, alphabet, length);
        const Ids ids = tokenizer.Encode(text);
        ASSERT_EQ(ids, ReferenceEncode(merges, text)) << text;
        ASSERT_EQ(tokenizer.Encode(text), ids);  // from the cache
        ASSERT_EQ(tokenizer.Decode(ids), text);
      }
    }
  }
}

TEST(Tokenizer, AnyBytesRoundTrip) {
  Rng rng(RngKey{.run_seed = 8});
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const Merges merges = RandomMerges(rng, bytes, 500);
  const Tokenizer tokenizer = Tokenizer::FromMerges(merges, ChatSpecialTokens());
  for (int round = 0; round < 50; ++round) {
    const std::string text = RandomText(rng, bytes, 400);
    ASSERT_EQ(tokenizer.Decode(tokenizer.Encode(text)), text);
  }
}

TEST(Tokenizer, TokenizersOnOneThreadDoNotShareWords) {
  const Tokenizer joined = Tokenizer::FromMerges({{'a', 'b'}}, {});
  const Tokenizer plain = Tokenizer::FromMerges({}, {});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(joined.Encode("ab"), Ids{256});
    EXPECT_EQ(plain.Encode("ab"), (Ids{'a', 'b'}));
  }
}

TEST(Tokenizer, ManyThreadsAgree) {
  Rng rng(RngKey{.run_seed = 9});
  const Merges merges = RandomMerges(rng, "abcde ", 100);
  const Tokenizer tokenizer = Tokenizer::FromMerges(merges, {});
  const std::string text = RandomText(rng, "abcde ", 20000);
  const Ids expected = ReferenceEncode(merges, text);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (Ids& result : results) threads.emplace_back([&] { result = tokenizer.Encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) EXPECT_EQ(result, expected);
}

TEST(Tokenizer, SpecialTokensAreNeverReadFromText) {
  const Tokenizer tokenizer = Tokenizer::FromMerges({{'a', 'b'}}, ChatSpecialTokens());
  EXPECT_EQ(tokenizer.vocab_size(), 257 + 9);
  EXPECT_EQ(tokenizer.SpecialId("<|endoftext|>"), 257);
  EXPECT_EQ(tokenizer.SpecialId("</tool_response>"), 265);
  EXPECT_EQ(tokenizer.SpecialId("ab"), std::nullopt);
  EXPECT_TRUE(tokenizer.IsSpecial(257));
  EXPECT_FALSE(tokenizer.IsSpecial(256));
  EXPECT_FALSE(tokenizer.IsSpecial(-1));
  EXPECT_FALSE(tokenizer.IsSpecial(266));
  EXPECT_EQ(tokenizer.Bytes(256), "ab");
  for (int32_t id : tokenizer.Encode("x<|im_end|>\n<|im_start|>system")) EXPECT_LT(id, 257);
  EXPECT_EQ(tokenizer.Decode(Ids{256, 259}), "ab<|im_end|>");
}

TEST(Tokenizer, RefusesMergesThatCannotBe) {
  const auto kind = [](Merges merges) {
    try {
      Tokenizer::FromMerges(std::move(merges), {});
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kFailed;
  };
  EXPECT_EQ(kind({{'a', 256}}), ErrorKind::kCorrupt);
  EXPECT_EQ(kind({{-1, 'a'}}), ErrorKind::kCorrupt);
  EXPECT_EQ(kind({{'a', 'b'}, {'a', 'b'}}), ErrorKind::kCorrupt);
  EXPECT_THROW(Tokenizer::FromMerges({}, {"<|a|>", "<|a|>"}), Error);
  EXPECT_THROW(Tokenizer::FromMerges({}, {""}), Error);
  EXPECT_THROW(Tokenizer::FromMerges({}, {"a"}), Error);
  EXPECT_THROW(Tokenizer::FromMerges({}, {"\xff"}), Error);
}

double EncodeSeconds(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  for (int run = 0; run < 3; ++run) {
    const auto start = std::chrono::steady_clock::now();
    const Ids ids = tokenizer.Encode(text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(tokenizer.Decode(ids), text);
    best = std::min(best, seconds.count());
  }
  return best;
}

TEST(Tokenizer, LinearOnOneRepeatedCharacter) {
  Merges merges;
  for (int byte : {'a', ' ', '\'', '\n'}) {
    int32_t id = byte;
    for (int i = 0; i < 12; ++i) {
      merges.emplace_back(id, id);
      id = 255 + static_cast<int32_t>(merges.size());
    }
  }
  const Tokenizer tokenizer = Tokenizer::FromMerges(merges, {});
  for (const char* unit : {"a", " ", "'", "\n", "\xff"}) {
    std::string text;
    while (text.size() < 1000000) text += unit;
    const double one = EncodeSeconds(tokenizer, text);
    const double two = EncodeSeconds(tokenizer, text + text);
    EXPECT_LT(one, 5) << unit;
    EXPECT_LT(two, 3 * one + 0.05) << unit;
  }
}

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
