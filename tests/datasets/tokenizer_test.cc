#include "datasets/tokenizer.h"

#include <gtest/gtest.h>
#include <time.h>

#include <map>
#include <thread>

#include "core/error.h"
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
  // A row beyond, of a model with a padded vocabulary, says nothing.
  EXPECT_EQ(tokenizer.Decode(Ids{256, 100000, 259}), "ab<|im_end|>");
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

// Of this thread's own time: other work on the machine doesn't count.
double EncodeSeconds(const Tokenizer& tokenizer, const std::string& text) {
  const auto thread_seconds = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  };
  double best = 1e9;
  for (int run = 0; run < 3; ++run) {
    const double start = thread_seconds();
    const Ids ids = tokenizer.Encode(text);
    best = std::min(best, thread_seconds() - start);
    EXPECT_EQ(tokenizer.Decode(ids), text);
  }
  return best;
}

TEST(Tokenizer, LinearOnOneRepeatedCharacter) {
  Merges merges;
  for (int byte : {'a', ' ', '\''}) {
    int32_t id = byte;
    for (int i = 0; i < 12; ++i) {
      merges.emplace_back(id, id);
      id = 255 + static_cast<int32_t>(merges.size());
    }
  }
  const Tokenizer tokenizer = Tokenizer::FromMerges(merges, {});
  for (const char* unit : {"a", " ", "'"}) {
    std::string text, eightfold;
    while (text.size() < 250000) text += unit;
    for (int i = 0; i < 8; ++i) eightfold += text;
    const double one = EncodeSeconds(tokenizer, text);
    const double eight = EncodeSeconds(tokenizer, eightfold);
    EXPECT_LT(one, 2) << unit;
    // Squared it would be 64: far enough from 8 that other work on the cores can't decide.
    EXPECT_LT(eight, 24 * one + 0.05) << unit;
  }
}

}  // namespace
}  // namespace agon::datasets
