#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "datasets/datasets.h"
#include "datasets/permutation.h"
#include "tests/datasets/temp_folder.h"

namespace agon::datasets {
namespace {

constexpr RngKey kBatchKey = {5, RngStream::kData, 0, 0, 0};
constexpr int kEnd = 256;  // <|endoftext|> of a tokenizer without merges

Tokenizer ByteTokenizer() { return Tokenizer::FromMerges({}, ChatSpecialTokens()); }

// Document i is (i % 37 + 1) letters and a number.
std::vector<Document> MakeDocuments(int count) {
  std::vector<Document> documents;
  for (int i = 0; i < count; ++i) {
    documents.push_back({i % 2 == 0 ? "even" : "odd",
                         std::string(static_cast<size_t>(i % 37), 'a') + std::to_string(i)});
  }
  return documents;
}

class CorpusTest : public testing::Test {
 protected:
  Corpus Make(const std::vector<Document>& documents) {
    WriteCorpus(dir_, documents, ByteTokenizer(), report_);
    return Corpus(dir_);
  }

  ErrorKind LoadError() {
    try {
      Corpus corpus(dir_);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kFailed;
  }

  TempFolder folder_;
  fs::path dir_ = folder_.path() / "corpus";
  IngestReport report_;
};

std::vector<int32_t> BytesOf(const std::string& text) {
  std::vector<int32_t> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  ids.push_back(kEnd);
  return ids;
}

TEST_F(CorpusTest, HoldsTheDocuments) {
  const std::vector<Document> documents = MakeDocuments(100);
  const Corpus corpus = Make(documents);
  ASSERT_EQ(corpus.num_documents(), 100);
  int64_t bytes = 0;
  for (int64_t i = 0; i < 100; ++i) {
    const std::string& text = documents[static_cast<size_t>(i)].text;
    EXPECT_EQ(corpus.DocumentTokens(i), BytesOf(text));
    bytes += static_cast<int64_t>(text.size());
  }
  EXPECT_EQ(corpus.num_bytes(), bytes);
  EXPECT_EQ(corpus.num_tokens(), bytes + 100);
  EXPECT_EQ(report_.sources["even"].tokens + report_.sources["odd"].tokens, bytes + 100);
}

TEST_F(CorpusTest, WritesTheSameBytesOnAnyNumberOfThreads) {
  const auto bytes = [&] {
    Make(MakeDocuments(500));
    return ReadFile(dir_ / "tokens.bin") + ReadFile(dir_ / "documents.bin") +
           ReadFile(dir_ / "manifest.json");
  };
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const std::string one = bytes();
  omp_set_num_threads(5);
  EXPECT_EQ(bytes(), one);
  omp_set_num_threads(threads);
}

TEST_F(CorpusTest, AnEmptyCorpusLoadsAndHasNoBatch) {
  const Corpus corpus = Make({});
  EXPECT_EQ(corpus.num_tokens(), 0);
  EXPECT_THROW(corpus.Batch(kBatchKey, 0, 10, 4), Error);
}

TEST_F(CorpusTest, BatchIsAPureFunctionOfKeyAndStep) {
  const Corpus corpus = Make(MakeDocuments(300));
  const auto batch = corpus.Batch(kBatchKey, 17, 500, 64);
  corpus.Batch(kBatchKey, 3, 500, 64);
  corpus.Batch(kBatchKey, 17, 500, 16);
  EXPECT_EQ(corpus.Batch(kBatchKey, 17, 500, 64), batch);
  EXPECT_EQ(Corpus(dir_).Batch(kBatchKey, 17, 500, 64), batch);
  EXPECT_NE(corpus.Batch(kBatchKey, 18, 500, 64), batch);
  RngKey other = kBatchKey;
  other.run_seed = 6;
  EXPECT_NE(corpus.Batch(other, 17, 500, 64), batch);
}

TEST_F(CorpusTest, BatchesHaveTheSizeAskedFor) {
  const Corpus corpus = Make(MakeDocuments(2000));
  int64_t total = 0;
  for (uint64_t step = 0; step < 20; ++step) {
    int64_t tokens = 0;
    for (const auto& sequence : corpus.Batch(kBatchKey, step, 2048, 128)) {
      EXPECT_GE(sequence.size(), 2u);
      EXPECT_LE(sequence.size(), 129u);
      tokens += static_cast<int64_t>(sequence.size());
    }
    EXPECT_NEAR(static_cast<double>(tokens), 2048, 0.2 * 2048);
    total += tokens;
  }
  EXPECT_NEAR(static_cast<double>(total), 20 * 2048, 0.05 * 20 * 2048);
}

// Over one epoch every document comes exactly once, and again in the next in another order.
TEST_F(CorpusTest, DrawsWithoutReplacement) {
  const std::vector<Document> documents = MakeDocuments(333);
  const Corpus corpus = Make(documents);
  std::vector<std::vector<int32_t>> drawn;
  // One pack per step: there are as many steps in an epoch as packs.
  for (uint64_t step = 0; drawn.size() < 666; ++step) {
    for (auto& sequence : corpus.Batch(kBatchKey, step, 1, 63))
      drawn.push_back(std::move(sequence));
  }
  ASSERT_EQ(drawn.size(), 666u);
  const auto middle = drawn.begin() + 333;
  EXPECT_EQ(std::set(drawn.begin(), middle).size(), 333u);
  EXPECT_EQ(std::set(middle, drawn.end()), std::set(drawn.begin(), middle));
  EXPECT_FALSE(std::equal(drawn.begin(), middle, middle));
}

TEST_F(CorpusTest, EveryTokenOfALongDocumentIsATargetOnce) {
  std::string text;
  for (int i = 0; i < 101; ++i) text += static_cast<char>(' ' + i % 90);
  const Corpus corpus = Make({{"s", text}, {"s", "x"}});
  const std::vector<int32_t> ids = BytesOf(text);
  for (const int max_tokens : {1, 2, 7, 10, 100, 101, 102, 500}) {
    std::multiset<std::pair<int32_t, int32_t>> expected, pairs;
    for (size_t i = 0; i + 1 < ids.size(); ++i) expected.insert({ids[i], ids[i + 1]});
    expected.insert({'x', kEnd});
    size_t sequences = 0;
    for (uint64_t step = 0; pairs.size() < expected.size(); ++step) {
      for (const auto& sequence : corpus.Batch(kBatchKey, step, 1, max_tokens)) {
        ASSERT_LE(sequence.size(), static_cast<size_t>(max_tokens) + 1);
        for (size_t i = 0; i + 1 < sequence.size(); ++i) {
          pairs.insert({sequence[i], sequence[i + 1]});
        }
        ++sequences;
      }
    }
    EXPECT_EQ(pairs, expected) << max_tokens;
    EXPECT_GE(sequences, 2u);
  }
}

TEST_F(CorpusTest, RefusesMissingAndDamagedFiles) {
  EXPECT_EQ(LoadError(), ErrorKind::kNotFound);
  Make(MakeDocuments(50));
  const std::string tokens = ReadFile(dir_ / "tokens.bin");
  const std::string documents = ReadFile(dir_ / "documents.bin");

  WriteFileAtomic(dir_ / "tokens.bin", tokens.substr(2));
  EXPECT_EQ(LoadError(), ErrorKind::kCorrupt);
  std::string flipped = tokens;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  WriteFileAtomic(dir_ / "tokens.bin", flipped);
  EXPECT_EQ(LoadError(), ErrorKind::kCorrupt);
  WriteFileAtomic(dir_ / "tokens.bin", tokens);
  EXPECT_EQ(LoadError(), ErrorKind::kFailed);  // whole again: it loads

  std::string moved = documents;
  moved[8] = static_cast<char>(moved[8] + 1);
  WriteFileAtomic(dir_ / "documents.bin", moved);
  EXPECT_EQ(LoadError(), ErrorKind::kCorrupt);
  fs::remove(dir_ / "documents.bin");
  EXPECT_EQ(LoadError(), ErrorKind::kNotFound);
}

TEST_F(CorpusTest, RefusesBrokenManifests) {
  Make(MakeDocuments(50));
  const fs::path file = dir_ / "manifest.json";
  const std::string good = ReadFile(file);
  const auto with = [&](const std::string& key, const std::string& value) {
    const size_t begin = good.find("\"" + key + "\": ") + key.size() + 4;
    const size_t end = good.find_first_of(",\n", begin);
    WriteFileAtomic(file, good.substr(0, begin) + value + good.substr(end));
    return LoadError();
  };
  EXPECT_EQ(with("num_tokens", "50"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("num_tokens", "-1"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("num_tokens", "9223372036854775807"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("num_documents", "49"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("num_documents", "\"50\""), ErrorKind::kCorrupt);
  EXPECT_EQ(with("vocab_size", "100"), ErrorKind::kCorrupt);  // below ids that are there
  EXPECT_EQ(with("token_bytes", "4"), ErrorKind::kCorrupt);
  EXPECT_EQ(with("tokens_checksum", "\"zz\""), ErrorKind::kCorrupt);
  EXPECT_EQ(with("format", "\"other\""), ErrorKind::kCorrupt);
  EXPECT_EQ(with("version", "2"), ErrorKind::kUnsupported);
  WriteFileAtomic(file, "{");
  EXPECT_EQ(LoadError(), ErrorKind::kCorrupt);
}

TEST_F(CorpusTest, LargeVocabulariesTakeFourBytes) {
  std::vector<std::pair<int32_t, int32_t>> merges;
  for (int32_t i = 0; i < 256 && merges.size() < 65400; ++i) {
    for (int32_t j = 0; j < 256 && merges.size() < 65400; ++j) merges.emplace_back(i, j);
  }
  const Tokenizer tokenizer = Tokenizer::FromMerges(merges, ChatSpecialTokens());
  ASSERT_GT(tokenizer.vocab_size(), 65536);
  const std::string text = "zebra zoo";
  WriteCorpus(dir_, std::vector<Document>{{"s", text}}, tokenizer, report_);
  const Corpus corpus(dir_);
  EXPECT_EQ(fs::file_size(dir_ / "tokens.bin"), 4 * static_cast<uint64_t>(corpus.num_tokens()));
  const std::vector<int32_t> ids = corpus.DocumentTokens(0);
  EXPECT_EQ(tokenizer.Decode(ids), text + "<|endoftext|>");
  EXPECT_GT(ids.back(), 65535);
}

TEST(PermutationTest, IsABijectionThatMixes) {
  for (const uint64_t n : {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097}) {
    const Permutation order(kBatchKey, n);
    std::vector<uint64_t> seen;
    uint64_t fixed = 0;
    for (uint64_t i = 0; i < n; ++i) {
      seen.push_back(order(i));
      if (seen.back() == i) ++fixed;
    }
    if (n >= 1000) {
      EXPECT_LT(fixed, 10u) << n;
    }
    std::sort(seen.begin(), seen.end());
    for (uint64_t i = 0; i < n; ++i) ASSERT_EQ(seen[i], i) << n;
  }
}

TEST(PermutationTest, KeysGiveOtherOrders) {
  const Permutation a(kBatchKey, 1000), b(kBatchKey.WithStep(1), 1000);
  int same = 0;
  for (uint64_t i = 0; i < 1000; ++i) same += a(i) == b(i);
  EXPECT_LT(same, 10);
}

TEST(PermutationTest, TakesLargeDomains) {
  const uint64_t n = (uint64_t{1} << 40) + 3;
  const Permutation order(kBatchKey, n);
  std::set<uint64_t> seen;
  for (uint64_t i = n - 1000; i < n; ++i) {
    EXPECT_LT(order(i), n);
    seen.insert(order(i));
  }
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace agon::datasets
