// Learning BPE merges from text.
//
// Words (distinct pre-tokens) carry their counts. The occurrences of every adjacent pair
// are kept as positions in one array of linked symbols, so a merge costs what it
// changes, not what the corpus holds. Counts are sums of integers and ties are broken by
// ids: neither the number of threads nor the order of words can change the result.
// Source: Sennrich et al., "Neural Machine Translation of Rare Words with Subword
// Units", ACL 2016.
#include <omp.h>

#include <algorithm>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "datasets/pretokenize.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {
namespace {

using WordCounts = std::unordered_map<std::string_view, uint64_t>;

void CountInto(std::string_view document, WordCounts& counts) {
  for (size_t begin = 0; begin < document.size();) {
    const size_t end = PretokenEnd(document, begin);
    ++counts[document.substr(begin, end - begin)];
    begin = end;
  }
}

WordCounts CountWords(std::span<const std::string_view> documents, int num_threads) {
  std::vector<WordCounts> partial(num_threads);
#pragma omp parallel for schedule(dynamic) num_threads(num_threads)
  for (size_t i = 0; i < documents.size(); ++i) {
    CountInto(documents[i], partial[omp_get_thread_num()]);
  }
  WordCounts total = std::move(partial[0]);
  for (int thread = 1; thread < num_threads; ++thread) {
    for (const auto& [word, count] : partial[thread]) total[word] += count;
  }
  return total;
}

using Pair = uint64_t;  // left id above, right id below: ordered as (left, right)

Pair MakePair(int32_t left, int32_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

struct PairHash {
  size_t operator()(Pair pair) const {
    const uint64_t mixed = pair * 0x9e3779b97f4a7c15ull;
    return mixed ^ mixed >> 32;
  }
};

class MergeLearner {
 public:
  explicit MergeLearner(const WordCounts& words);

  // The next merge, applied; nullopt where no pair occurs twice.
  std::optional<std::pair<int32_t, int32_t>> Next();

 private:
  static constexpr uint32_t kEnd = UINT32_MAX;
  struct Symbol {
    int32_t id;  // -1: merged into the symbol before it
    uint32_t previous, next, word;
  };
  struct Occurrences {
    uint64_t count = 0;               // over the corpus, exact
    std::vector<uint32_t> positions;  // of left symbols; some may be stale
  };
  struct Candidate {
    uint64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void AddWord(std::string_view word, uint64_t count);
  std::optional<Pair> PopBest();
  void Apply(Pair pair);
  void MergeAt(uint32_t position, int32_t id, std::vector<Pair>& grown);
  void AddPair(uint32_t position, std::vector<Pair>* grown);
  void RemovePair(uint32_t position);

  std::vector<Symbol> symbols_;
  std::vector<uint64_t> word_counts_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  std::priority_queue<Candidate> candidates_;  // counts may be too high, never too low
  std::vector<std::string> bytes_;
  std::unordered_set<std::string> known_;
};

MergeLearner::MergeLearner(const WordCounts& words) {
  for (int byte = 0; byte < 256; ++byte) {
    bytes_.emplace_back(1, static_cast<char>(byte));
    known_.insert(bytes_.back());
  }
  for (const auto& [word, count] : words) AddWord(word, count);
  for (const auto& [pair, occurrences] : pairs_) candidates_.push({occurrences.count, pair});
}

void MergeLearner::AddWord(std::string_view word, uint64_t count) {
  const size_t first = symbols_.size();
  if (first + word.size() >= kEnd) {
    throw Error(ErrorKind::kUnsupported, "the distinct words exceed 4 GiB", "tokenizer training",
                "train on a sample of the documents");
  }
  const uint32_t index = static_cast<uint32_t>(word_counts_.size());
  word_counts_.push_back(count);
  for (size_t i = 0; i < word.size(); ++i) {
    const uint32_t position = static_cast<uint32_t>(first + i);
    symbols_.push_back({static_cast<uint8_t>(word[i]), i == 0 ? kEnd : position - 1,
                        i + 1 < word.size() ? position + 1 : kEnd, index});
  }
  for (size_t i = 0; i + 1 < word.size(); ++i) AddPair(static_cast<uint32_t>(first + i), nullptr);
}

// Counts the pair that starts at `position`.
void MergeLearner::AddPair(uint32_t position, std::vector<Pair>* grown) {
  const Symbol& left = symbols_[position];
  const Pair pair = MakePair(left.id, symbols_[left.next].id);
  Occurrences& occurrences = pairs_[pair];
  occurrences.count += word_counts_[left.word];
  occurrences.positions.push_back(position);
  if (grown != nullptr) grown->push_back(pair);
}

void MergeLearner::RemovePair(uint32_t position) {
  const Symbol& left = symbols_[position];
  pairs_[MakePair(left.id, symbols_[left.next].id)].count -= word_counts_[left.word];
}

std::optional<Pair> MergeLearner::PopBest() {
  while (!candidates_.empty()) {
    const Candidate best = candidates_.top();
    candidates_.pop();
    const auto found = pairs_.find(best.pair);
    const uint64_t count = found == pairs_.end() ? 0 : found->second.count;
    if (count < 2) continue;
    if (count < best.count) {
      candidates_.push({count, best.pair});
      continue;
    }
    // A second id for the same bytes could never be told from the first in a vocabulary.
    const std::string bytes = bytes_[best.pair >> 32] + bytes_[best.pair & 0xffffffff];
    if (known_.contains(bytes)) continue;
    return best.pair;
  }
  return std::nullopt;
}

std::optional<std::pair<int32_t, int32_t>> MergeLearner::Next() {
  const std::optional<Pair> pair = PopBest();
  if (!pair) return std::nullopt;
  Apply(*pair);
  return std::pair(static_cast<int32_t>(*pair >> 32), static_cast<int32_t>(*pair & 0xffffffff));
}

void MergeLearner::Apply(Pair pair) {
  const int32_t left = static_cast<int32_t>(pair >> 32);
  const int32_t right = static_cast<int32_t>(pair & 0xffffffff);
  const int32_t id = static_cast<int32_t>(bytes_.size());
  bytes_.push_back(bytes_[left] + bytes_[right]);
  known_.insert(bytes_.back());
  std::vector<uint32_t> positions = std::move(pairs_[pair].positions);
  std::sort(positions.begin(), positions.end());  // "aaa" merges from the left
  std::vector<Pair> grown;
  for (uint32_t position : positions) {
    const Symbol& symbol = symbols_[position];
    if (symbol.id != left || symbol.next == kEnd || symbols_[symbol.next].id != right) continue;
    MergeAt(position, id, grown);
  }
  pairs_.erase(pair);
  std::sort(grown.begin(), grown.end());
  grown.erase(std::unique(grown.begin(), grown.end()), grown.end());
  for (Pair changed : grown) {
    if (const uint64_t count = pairs_[changed].count; count > 0) candidates_.push({count, changed});
  }
}

void MergeLearner::MergeAt(uint32_t position, int32_t id, std::vector<Pair>& grown) {
  Symbol& left = symbols_[position];
  Symbol& right = symbols_[left.next];
  if (left.previous != kEnd) RemovePair(left.previous);
  RemovePair(position);
  if (right.next != kEnd) RemovePair(left.next);
  left.id = id;
  right.id = -1;
  left.next = right.next;
  if (left.next != kEnd) symbols_[left.next].previous = position;
  if (left.previous != kEnd) AddPair(left.previous, &grown);
  if (left.next != kEnd) AddPair(position, &grown);
}

}  // namespace

Tokenizer TrainBpe(std::span<const std::string_view> documents, const BpeTrainingOptions& options) {
  const int num_special = static_cast<int>(ChatSpecialTokens().size());
  const int num_merges = options.vocab_size - 256 - num_special;
  if (num_merges < 0) {
    throw Error(
        ErrorKind::kUsage,
        "vocabulary of " + std::to_string(options.vocab_size) + " tokens is too small",
        "vocab_size",
        "at least " + std::to_string(256 + num_special) + ": the bytes and the special tokens");
  }
  const int num_threads = options.num_threads > 0 ? options.num_threads : omp_get_max_threads();
  MergeLearner learner(CountWords(documents, num_threads));
  std::vector<std::pair<int32_t, int32_t>> merges;
  while (static_cast<int>(merges.size()) < num_merges) {
    const auto merge = learner.Next();
    if (!merge) break;
    merges.push_back(*merge);
    if (options.on_progress) options.on_progress(static_cast<int>(merges.size()), num_merges);
  }
  return Tokenizer::FromMerges(std::move(merges), ChatSpecialTokens());
}

}  // namespace agon::datasets
