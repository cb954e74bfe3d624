#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/error.h"
#include "core/rng.h"
#include "datasets/pretokenize.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {
namespace {

using Pair = std::pair<int32_t, int32_t>;
constexpr int kNumFixed = 256 + 9;  // bytes and special tokens

// The tokens learned, in order.
std::vector<std::string> Learned(const Tokenizer& tokenizer) {
  std::vector<std::string> tokens;
  for (int32_t id = 256; id < tokenizer.vocab_size() && !tokenizer.IsSpecial(id); ++id) {
    tokens.emplace_back(tokenizer.Bytes(id));
  }
  return tokens;
}

std::vector<std::string> Train(const std::vector<std::string>& documents, int num_merges,
                               int num_threads = 1) {
  const std::vector<std::string_view> views(documents.begin(), documents.end());
  BpeTrainingOptions options;
  options.vocab_size = kNumFixed + num_merges;
  options.num_threads = num_threads;
  return Learned(TrainBpe(views, options));
}

// Counts every pair of every word again before each merge.
std::vector<std::string> ReferenceTrain(const std::vector<std::string>& documents, int num_merges) {
  std::map<std::string, uint64_t> counts;
  for (const std::string& document : documents) {
    for (size_t begin = 0; begin < document.size();) {
      const size_t end = PretokenEnd(document, begin);
      ++counts[document.substr(begin, end - begin)];
      begin = end;
    }
  }
  std::vector<std::pair<std::vector<int32_t>, uint64_t>> words;
  for (const auto& [word, count] : counts) {
    std::vector<int32_t> ids;
    for (char c : word) ids.push_back(static_cast<uint8_t>(c));
    words.emplace_back(ids, count);
  }
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  while (static_cast<int>(tokens.size()) < 256 + num_merges) {
    std::map<Pair, uint64_t> pairs;  // ascending: the first of equals is the smallest
    for (const auto& [ids, count] : words) {
      for (size_t i = 0; i + 1 < ids.size(); ++i) pairs[{ids[i], ids[i + 1]}] += count;
    }
    Pair best;
    uint64_t best_count = 1;
    for (const auto& [pair, count] : pairs) {
      const std::string bytes = tokens[pair.first] + tokens[pair.second];
      if (std::find(tokens.begin(), tokens.end(), bytes) != tokens.end()) continue;
      if (count > best_count) best = pair, best_count = count;
    }
    if (best_count == 1) break;
    for (auto& [ids, count] : words) {
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        if (Pair{ids[i], ids[i + 1]} != best) continue;
        ids[i] = static_cast<int32_t>(tokens.size());
        ids.erase(ids.begin() + i + 1);
      }
    }
    tokens.push_back(tokens[best.first] + tokens[best.second]);
  }
  return {tokens.begin() + 256, tokens.end()};
}

std::vector<std::string> RandomDocuments(uint64_t seed, std::string_view alphabet, int count,
                                         int length) {
  Rng rng(RngKey{.run_seed = seed});
  std::vector<std::string> documents(count);
  for (std::string& document : documents) {
    for (int i = 0; i < length; ++i) document += alphabet[rng.Below(alphabet.size())];
  }
  return documents;
}

TEST(BpeTrain, WorkedByHand) {
  // Words: "low" x3, " low" x2, " lower" x1. l+o occurs 6 times, as o+w does; (l, o) is
  // smaller. Then lo+w: 6. Then " "+low: 3. Then " low"+e and e+r occur once: the end.
  EXPECT_EQ(Train({"low low", "low low", "low lower"}, 10),
            (std::vector<std::string>{"lo", "low", " low"}));
}

TEST(BpeTrain, TiesGoToTheSmallerIds) {
  EXPECT_EQ(Train({"zy", "ba", "zy", "ba"}, 1), std::vector<std::string>{"ba"});
  EXPECT_EQ(Train({"xb", "xa", "xb", "xa"}, 1), std::vector<std::string>{"xa"});
}

TEST(BpeTrain, OverlapsMergeFromTheLeft) {
  // aa aa a: (aa, a) and (aa, aa) both occur twice, and a is the smaller id.
  EXPECT_EQ(Train({"aaaaa", "aaaaa"}, 10), (std::vector<std::string>{"aa", "aaa", "aaaaa"}));
}

TEST(BpeTrain, EqualsTheReference) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const std::string_view alphabet = seed % 3 == 0   ? "ab"
                                      : seed % 3 == 1 ? "aabbc "
                                                      : "abcdefgh  \n.'1\xc3\xa9";
    const auto documents = RandomDocuments(seed, alphabet, 5, 300);
    ASSERT_EQ(Train(documents, 60), ReferenceTrain(documents, 60)) << seed;
  }
}

TEST(BpeTrain, SameForAnyNumberOfThreads) {
  const auto documents = RandomDocuments(42, "abcdefgh   .", 40, 2000);
  const auto one = Train(documents, 400, 1);
  EXPECT_EQ(one.size(), 400u);
  for (int threads : {2, 3, 0}) EXPECT_EQ(Train(documents, 400, threads), one) << threads;
}

TEST(BpeTrain, OneLongWordIsCheap) {
  // 2 MB without a break: every merge must cost its occurrences, not the whole word.
  EXPECT_EQ(Train(RandomDocuments(3, "abcdefghijklmnopqrstuvwxyz", 1, 2000000), 500).size(), 500u);
}

TEST(BpeTrain, LearnsWhatItEncodes) {
  const std::vector<std::string> documents(3, "the cat sat on the mat; the hat");
  const std::vector<std::string_view> views(documents.begin(), documents.end());
  BpeTrainingOptions options;
  options.vocab_size = kNumFixed + 30;
  std::vector<std::pair<int, int>> progress;
  options.on_progress = [&](int done, int total) { progress.emplace_back(done, total); };
  const Tokenizer tokenizer = TrainBpe(views, options);
  EXPECT_EQ(tokenizer.Encode(" the").size(), 1u);
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode(documents[0])), documents[0]);
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back().second, 30);
  EXPECT_EQ(progress.back().first, tokenizer.vocab_size() - kNumFixed);
  EXPECT_EQ(tokenizer.SpecialId("<|endoftext|>"), tokenizer.vocab_size() - 9);
}

TEST(BpeTrain, EmptyAndTiny) {
  EXPECT_TRUE(Train({}, 10).empty());
  EXPECT_TRUE(Train({"", "a"}, 10).empty());
  EXPECT_TRUE(Train({"abc abc"}, 0).empty());
}

TEST(BpeTrain, RefusesAVocabularyWithoutRoom) {
  BpeTrainingOptions options;
  options.vocab_size = kNumFixed - 1;
  try {
    TrainBpe({}, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("at least 265"), std::string::npos);
  }
}

}  // namespace
}  // namespace agon::datasets
