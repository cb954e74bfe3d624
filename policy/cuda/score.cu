// The classifier's row pass: loss, entropy and the logits' gradient of a chunk of rows, without
// ever storing probabilities. Reads the logits twice (the second time from L2), writes dlogits
// once. Bound: HBM.
#include "policy/cuda/kernels.h"
#include "policy/cuda/launch.h"
#include "policy/cuda/softmax.h"

namespace agon::policy::cuda {
namespace {

template <typename T>
__global__ void ScoreLogitsKernel(const float* logits, int v, int64_t stride,
                                  float inverse_temperature, const int32_t* targets,
                                  float* logprobs, float* entropies, const float* dlogprobs,
                                  T* dlogits) {
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * stride;
  const VocabularyRow row = Softmax(logits + begin, v, inverse_temperature);
  const int target = targets[blockIdx.x];
  if (threadIdx.x == 0) {
    logprobs[blockIdx.x] = row.LogProb(target);
    entropies[blockIdx.x] = row.entropy;
  }
  if (dlogprobs == nullptr) return;

  const float factor = dlogprobs[blockIdx.x] * inverse_temperature;
  const float minus_p = -factor / row.sum;
  for (int i = static_cast<int>(threadIdx.x) * 4; i < stride; i += kVocabularyThreads * 4) {
    const Quad quad(row.logits, i, v);
    float d[4];
    for (int k = 0; k < 4; ++k) {
      const float weight = i + k < v ? row.WeightOf(quad.x[k]) : 0.0f;
      d[k] = i + k == target ? factor * (1.0f - weight / row.sum) : weight * minus_p;
    }
    Store4(dlogits + begin + i, make_float4(d[0], d[1], d[2], d[3]));
  }
}

// Each pass takes the next in the order of (logit falling, id rising).
__global__ void TopLogitsKernel(const float* logits, int v, int64_t stride,
                                float inverse_temperature, int num_top, TokenLogprob* top) {
  const VocabularyRow row =
      Softmax(logits + static_cast<int64_t>(blockIdx.x) * stride, v, inverse_temperature);
  float previous = INFINITY;
  int previous_id = -1;
  for (int k = 0; k < num_top; ++k) {
    float most = -INFINITY;
    int found = 0;  // v - id, so that the lowest id is the largest
    for (int i = static_cast<int>(threadIdx.x); i < v; i += kVocabularyThreads) {
      const float x = row.logits[i];
      const bool follows = x < previous || (x == previous && i > previous_id);
      if (follows && (found == 0 || x > most)) {
        most = x;
        found = v - i;
      }
    }
    previous = BlockMax(most);
    const int first = BlockMax(found > 0 && most == previous ? found : 0);
    previous_id = first == 0 ? 0 : v - first;  // none: the logits are NaN
    if (threadIdx.x == 0) {
      TokenLogprob& place = top[static_cast<int64_t>(blockIdx.x) * num_top + k];
      place.token = previous_id;
      place.logprob = row.LogProb(previous_id);
    }
  }
}

}  // namespace

void TopLogits(const float* logits, int rows, int v, int64_t stride, float temperature, int num_top,
               TokenLogprob* top, cudaStream_t stream) {
  Launch("TopTokens", {dim3(static_cast<unsigned>(rows)), kVocabularyThreads}, stream,
         TopLogitsKernel, logits, v, stride, 1.0f / temperature, num_top, top);
}

template <typename T>
void ScoreLogits(const float* logits, int rows, int v, int64_t stride, float temperature,
                 const int32_t* targets, float* logprobs, float* entropies, const float* dlogprobs,
                 T* dlogits, cudaStream_t stream) {
  Launch("ScoreTokens", {dim3(static_cast<unsigned>(rows)), kVocabularyThreads}, stream,
         ScoreLogitsKernel<T>, logits, v, stride, 1.0f / temperature, targets, logprobs, entropies,
         dlogprobs, dlogits);
}

#define AGON_INSTANTIATE(T)                                                                    \
  template void ScoreLogits<T>(const float*, int, int, int64_t, float, const int32_t*, float*, \
                               float*, const float*, T*, cudaStream_t);
AGON_INSTANTIATE(float)
AGON_INSTANTIATE(Bf16)
#undef AGON_INSTANTIATE

}  // namespace agon::policy::cuda
