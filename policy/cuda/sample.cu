// One token per row, drawn where the cumulative weight in the order of ids passes the row's
// uniform number. Weights are computed again wherever they are needed, from logits that L2
// holds; nothing is sorted. Bound: HBM for the first reading.
#include "policy/cuda/chain.h"
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/softmax.h"

namespace agon::policy::cuda {
namespace {

constexpr int kThreads = kVocabularyThreads;

// The tokens that truncation leaves: all whose weight is above `threshold` and, of those equal
// to it, the first `num_equal` in the order of ids.
struct Kept {
  float threshold = 0.0f;
  int num_equal = 0x7fffffff;
  float mass;  // of the kept tokens
};

struct CountAndMass {
  int count;
  float mass;
};

// Over the tokens whose weight is at least (or above) `threshold`.
template <bool kAbove>
__device__ CountAndMass Over(const VocabularyRow& row, float threshold) {
  int count = 0;
  float mass = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < row.v; i += kThreads) {
    const float weight = row.Weight(i);
    if (kAbove ? weight > threshold : weight >= threshold) {
      ++count;
      mass += weight;
    }
  }
  return {BlockSum(count), BlockSum(mass)};
}

// The largest threshold for which `enough(tokens at or above it)` holds, or 0. Weights are not
// negative, so their bits are ordered as they are: 31 halvings find it.
template <typename Enough>
__device__ float LargestThreshold(const VocabularyRow& row, const Enough& enough) {
  uint32_t bits = 0;
  for (uint32_t bit = 1u << 30; bit != 0; bit >>= 1) {
    const float candidate = __uint_as_float(bits | bit);
    if (candidate <= 1.0f && enough(Over<false>(row, candidate))) bits |= bit;
  }
  return __uint_as_float(bits);
}

__device__ inline Kept KeepCount(const VocabularyRow& row, int top_k) {
  Kept kept;
  kept.threshold = LargestThreshold(row, [&](CountAndMass c) { return c.count >= top_k; });
  const CountAndMass above = Over<true>(row, kept.threshold);
  kept.num_equal = top_k - above.count;
  kept.mass = above.mass + static_cast<float>(kept.num_equal) * kept.threshold;
  return kept;
}

// Of what `kept` holds, the smallest set of largest weights whose mass is top_p of it.
__device__ inline Kept KeepMass(const VocabularyRow& row, const Kept& kept, float top_p) {
  const float wanted = kept.mass * top_p;
  Kept smaller = kept;
  const float threshold = LargestThreshold(row, [&](CountAndMass c) { return c.mass >= wanted; });
  if (threshold < kept.threshold) return kept;
  const CountAndMass above = Over<true>(row, threshold);
  const float needed = threshold > 0.0f ? ceilf((wanted - above.mass) / threshold) : 0.0f;
  const int limit = threshold > kept.threshold ? row.v : kept.num_equal;
  const int equal = needed < 1.0f && above.count == 0 ? 1 : static_cast<int>(needed);
  smaller.threshold = threshold;
  smaller.num_equal = equal < limit ? equal : limit;
  smaller.mass = above.mass + static_cast<float>(smaller.num_equal) * threshold;
  return smaller;
}

// The first kept token at which the cumulative weight passes u mass; the last one that can be
// if rounding leaves the sum short.
__device__ int Pick(const VocabularyRow& row, const Kept& kept, float u) {
  const float threshold = u * kept.mass;
  float passed = 0.0f;
  int num_equal = 0, last = -1;
  for (int begin = 0; begin < row.v; begin += kThreads) {
    const int i = begin + static_cast<int>(threadIdx.x);
    float weight = i < row.v ? row.Weight(i) : 0.0f;
    const int equal = i < row.v && weight == kept.threshold ? 1 : 0;
    int equal_here;
    const int before = num_equal + BlockSumBefore(equal, &equal_here);
    num_equal += equal_here;
    if (weight < kept.threshold || (equal && before >= kept.num_equal)) weight = 0.0f;
    float total;
    const float sum = passed + BlockSumBefore(weight, &total) + weight;
    if (weight > 0.0f) last = i;
    // Threads are in the order of ids, so the smallest number that passed is the token.
    const int found = weight > 0.0f && sum > threshold ? row.v - i : 0;
    const int first = BlockMax(found);
    if (first > 0) return row.v - first;
    passed += total;
  }
  const int possible = BlockMax(last);
  return possible < 0 ? 0 : possible;
}

__device__ int Largest(const VocabularyRow& row) {
  float most = -INFINITY;
  for (int i = static_cast<int>(threadIdx.x); i < row.v; i += kThreads) {
    most = fmaxf(most, row.logits[i]);
  }
  most = BlockMax(most);
  int found = 0;
  for (int i = static_cast<int>(threadIdx.x); i < row.v && found == 0; i += kThreads) {
    if (row.logits[i] == most) found = row.v - i;
  }
  const int first = BlockMax(found);
  return first == 0 ? 0 : row.v - first;  // none: the logits are NaN
}

__global__ void SampleLogitsKernel(const float* logits, int v, int64_t stride,
                                   float inverse_temperature, int top_k, float top_p,
                                   const float* uniforms, int32_t* tokens, float* logprobs) {
  WaitForKernelBefore();
  const bool greedy = inverse_temperature == 0.0f;
  const VocabularyRow row = Softmax(logits + static_cast<int64_t>(blockIdx.x) * stride, v,
                                    greedy ? 1.0f : inverse_temperature);
  int token;
  if (greedy) {
    token = Largest(row);
  } else {
    Kept kept;
    kept.mass = row.sum;
    if (top_k > 0 && top_k < v) kept = KeepCount(row, top_k);
    if (top_p < 1.0f) kept = KeepMass(row, kept, top_p);
    token = Pick(row, kept, uniforms[blockIdx.x]);
  }
  if (threadIdx.x == 0) {
    tokens[blockIdx.x] = token;
    logprobs[blockIdx.x] = row.LogProb(token);
  }
}

}  // namespace

void SampleLogits(const float* logits, int rows, int v, int64_t stride, float temperature,
                  int top_k, float top_p, const float* uniforms, int32_t* tokens, float* logprobs,
                  cudaStream_t stream) {
  const float inverse_temperature = temperature > 0.0f ? 1.0f / temperature : 0.0f;
  LaunchInChain("SampleTokens", {dim3(static_cast<unsigned>(rows)), kThreads}, stream,
                SampleLogitsKernel, logits, v, stride, inverse_temperature, top_k, top_p, uniforms,
                tokens, logprobs);
}

}  // namespace agon::policy::cuda
