#include "policy/cuda/matmul_choice.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <span>
#include <vector>

#include "core/error.h"

namespace agon::policy::cuda {
namespace {

struct Bucket {
  int first, middle, last;  // rows; those that are tried
};
constexpr std::array<Bucket, 4> kBuckets = {
    {{1, 7, 16}, {17, 100, 128}, {129, 512, 1024}, {1025, 4099, 1 << 16}}};

// The most rows of `bucket` that an algorithm has to work for: results that don't fit 32-bit places
// are left to whoever asks for them.
int LastRows(const MatmulShape& s, const Bucket& bucket) {
  const int widest = std::max({s.out, s.in, s.dy_stride, s.dx_stride});
  return std::min(bucket.last, std::numeric_limits<int32_t>::max() / widest);
}

bool SumsRows(const MatmulShape& shape) { return shape.kind == MatmulShape::Kind::kWeightGradient; }

[[noreturn]] void ThrowNone(const MatmulShape& shape, std::span<const MatmulAlgorithm> tried,
                            const char* flaw) {
  const auto num_tried = std::count_if(
      tried.begin(), tried.end(), [](const auto& algorithm) { return !algorithm.is_few_rows; });
  throw Error(ErrorKind::kUnsupported,
              "cuBLASLt has no algorithm for " + Describe(shape) + " that can be used: of " +
                  std::to_string(num_tried) + " that it proposes each " + flaw,
              "matmul", "report this with the GPU's name and the CUDA version");
}

class Chooser {
 public:
  Chooser(cublasLtHandle_t handle, const MatmulShape& shape, int trial_rows, CudaMemory& memory,
          const Gpu& gpu)
      : shape_(shape), product_(handle, shape), trial_(handle, shape, trial_rows, memory, gpu) {}

  MatmulAlgorithm Leader() {
    Propose(kReferenceRows);
    for (const Bucket& bucket : kBuckets) Propose(Tried(bucket.last));
    const auto leader = std::find_if(proposals_.begin(), proposals_.end(),
                                     [&](const auto& algorithm) { return Leads(algorithm); });
    if (leader != proposals_.end()) return *leader;
    ThrowNone(shape_, proposals_,
              "gives a row other bits among other rows, or only works for some numbers of rows");
  }

  // The fastest with the leader's bits.
  MatmulAlgorithm OfRows(const MatmulAlgorithm& leader, int bucket_number) {
    const Bucket& bucket = kBuckets[static_cast<size_t>(bucket_number)];
    const int rows = Tried(bucket.last);
    Propose(kReferenceRows);
    Propose(rows);
    trial_.Expect(leader, trial_.rows());
    MatmulAlgorithm best = leader;
    float least = trial_.Milliseconds(leader, rows);
    for (const MatmulAlgorithm& algorithm : proposals_) {
      if (!Works(algorithm, bucket) || !GivesExpected(algorithm, bucket)) continue;
      const float time = trial_.Milliseconds(algorithm, rows);
      if (time >= least) continue;
      least = time;
      best = algorithm;
    }
    return best;
  }

  MatmulAlgorithm OfSums(int most_rows) {
    Propose(most_rows);
    for (const MatmulAlgorithm& algorithm : proposals_) {
      if (!product_.Works(algorithm, most_rows / 2 + 1) || !product_.Works(algorithm, most_rows)) {
        continue;
      }
      const int tried = Tried(most_rows);
      const bool is_steady = trial_.Expect(algorithm, tried) &&
                             trial_.GivesExpected(algorithm, tried) &&
                             trial_.GivesExpected(algorithm, tried);
      if (is_steady) return algorithm;
    }
    ThrowNone(shape_, proposals_, "gives other bits from run to run");
  }

 private:
  int Tried(int rows) const { return std::min(rows, trial_.rows()); }
  void Propose(int rows) {
    for (const MatmulAlgorithm& proposal : product_.Propose(rows)) {
      if (std::find(proposals_.begin(), proposals_.end(), proposal) == proposals_.end()) {
        proposals_.push_back(proposal);
      }
    }
  }

  bool Works(const MatmulAlgorithm& algorithm, const Bucket& bucket) {
    return product_.Works(algorithm, bucket.first) &&
           product_.Works(algorithm, LastRows(shape_, bucket));
  }
  bool GivesExpected(const MatmulAlgorithm& algorithm, const Bucket& bucket) {
    const auto gives = [&](int rows) { return trial_.GivesExpected(algorithm, Tried(rows)); };
    return gives(bucket.first) && gives(bucket.middle) && gives(bucket.last);
  }

  // If the algorithm can say what the bits are, they are what is expected from now on.
  bool Leads(const MatmulAlgorithm& algorithm) {
    const auto works = [&](const Bucket& bucket) { return Works(algorithm, bucket); };
    return std::all_of(kBuckets.begin(), kBuckets.end(), works) &&
           trial_.Expect(algorithm, trial_.rows()) &&
           std::all_of(kBuckets.begin(), kBuckets.end(),
                       [&](const Bucket& bucket) { return GivesExpected(algorithm, bucket); });
  }

  MatmulShape shape_;
  MatmulProduct product_;
  MatmulTrial trial_;
  std::vector<MatmulAlgorithm> proposals_;
};

}  // namespace

int RowBucket(const MatmulShape& shape, int rows) {
  if (SumsRows(shape)) return std::bit_width(static_cast<unsigned>(rows - 1));
  int bucket = 0;
  while (static_cast<size_t>(bucket) + 1 < kBuckets.size() &&
         rows > kBuckets[static_cast<size_t>(bucket)].last) {
    ++bucket;
  }
  return bucket;
}

MatmulChoices Choose(cublasLtHandle_t handle, const MatmulShape& shape, int rows,
                     MatmulChoices choices, int trial_rows, CudaMemory& memory, const Gpu& gpu) {
  Chooser chooser(handle, shape, trial_rows, memory, gpu);
  const int bucket = RowBucket(shape, rows);
  if (SumsRows(shape)) {
    choices.by_bucket[bucket] = chooser.OfSums(1 << bucket);
    return choices;
  }
  if (!choices.leader) choices.leader = chooser.Leader();
  choices.by_bucket[bucket] = chooser.OfRows(*choices.leader, bucket);
  return choices;
}

}  // namespace agon::policy::cuda
