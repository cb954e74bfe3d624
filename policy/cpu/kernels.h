// The kernels of one instruction set and one compute type, as a table of functions.
//
// Every kernel is serial and works on a range of rows, panels or tasks; the backend
// deals ranges to threads. "T" is the compute type (float or bf16); void pointers are
// arrays of T, float pointers are fp32. Public only inside policy/cpu.
#pragma once

#include <cstddef>
#include <cstdint>

namespace agon::policy::cpu {

enum class Epilogue { kStore, kStoreFloat, kAddFloat, kSwiGlu, kSwiGluBackward };

struct EpilogueArgs {
  Epilogue kind = Epilogue::kStore;
  void* out = nullptr;          // T or float by kind; gate_up for the gated ones
  int64_t stride = 0;           // of the product's rows, elements
  void* out2 = nullptr;         // kSwiGlu: activation T (rows, stride / 2)
  const void* input = nullptr;  // kSwiGluBackward: gate_up T (rows, 2 * stride)
};

struct AttentionShape {
  int num_heads, num_kv_heads, head_dim;
  int64_t QkStride() const { return static_cast<int64_t>(num_heads + num_kv_heads) * head_dim; }
  int64_t QkvStride() const {
    return static_cast<int64_t>(num_heads + 2 * num_kv_heads) * head_dim;
  }
  int64_t OutStride() const { return static_cast<int64_t>(num_heads) * head_dim; }
};

// One segment's rows in packed arrays: queries [begin, begin + length), keys the prefix
// and then the queries' own rows.
struct AttentionSegment {
  int begin, length, prefix_begin, prefix_length;
  int NumKeys() const { return prefix_length + length; }
};

struct AttentionArrays {
  const void* qk;   // T (N, (H + KV) head_dim): rotated queries, rotated keys
  const void* qkv;  // T (N, (H + 2 KV) head_dim): the values are its last part
  void* out;        // T (N, H head_dim)
  float* lse;       // (N, H) log-sum-exp of the scaled scores
};

struct AttentionGradients {
  const void* dout;  // T (N, H head_dim)
  float* dqk;        // (N, (H + KV) head_dim); keys' part is accumulated, zeroed before
  float* dv;         // (N, KV head_dim); accumulated
};

// Keys and values of one sequence and one kv head, in panels: a row's cache.
struct KvPanels {
  char* keys;    // [capacity / 32][head_dim / pair][32][pair]
  char* values;  // [head_dim / 32][capacity / pair][32][pair]
  int capacity;  // tokens, a multiple of 32
};

struct AdamWArgs {
  float learning_rate, beta1, beta2, epsilon, weight_decay, grad_scale;
  float bias_correction1, bias_correction2;  // 1 - beta^t
};

struct KernelTable {
  const char* isa;
  int element_bytes;  // sizeof(T)

  void (*pack_linear)(const float* w, const float* gain, int n, int k, int glu_half,
                      int panel_begin, int panel_end, void* rounded, void* forward);
  void (*pack_rows)(const void* source, int64_t stride, int rows, int cols, int panel_begin,
                    int panel_end, void* panels);
  void (*gemm)(const void* a, int64_t a_stride, int row_begin, int row_end, int k,
               const void* panels, int panel_begin, int panel_end, const EpilogueArgs& args);
  void (*gemm_transposed)(const void* dy_panels, const void* x_panels, int rows, int dy_panel,
                          int n, int k, int glu_half, float* dw);

  // Rows [begin, end): xhat = x / rms(x), rstd = 1 / rms(x). x (N, C) fp32, xhat T.
  void (*rms_norm)(const float* x, void* xhat, float* rstd, int begin, int end, int c,
                   float epsilon);
  // dx += rstd (dxhat - xhat mean(dxhat xhat)); also dx rounded to T.
  void (*rms_norm_backward)(const float* dxhat, const void* xhat, const float* rstd, float* dx,
                            void* dx_rounded, int begin, int end, int c);
  // Per-head RMSNorm with gains (head_dim), then rotation by cos/sin (positions, head_dim / 2).
  void (*qk_norm_rope)(const void* qkv, const int32_t* positions, const float* q_gain,
                       const float* k_gain, const float* cosine, const float* sine, void* qk,
                       int begin, int end, const AttentionShape& shape, float epsilon);
  // Writes dqkv T (rows, all three parts) and adds to the gains' gradients (2, head_dim).
  void (*qk_norm_rope_backward)(const void* qkv, const int32_t* positions, const float* q_gain,
                                const float* k_gain, const float* cosine, const float* sine,
                                const float* dqk, const float* dv, void* dqkv, float* dgains,
                                int begin, int end, const AttentionShape& shape, float epsilon);

  // Scratch bytes that the attention kernels need for `max_keys` keys.
  size_t (*attention_scratch_bytes)(const AttentionShape& shape, int max_keys);
  void (*attention_forward)(const AttentionArrays& arrays, const AttentionSegment& segment,
                            int kv_head, const AttentionShape& shape, char* scratch);
  void (*attention_backward)(const AttentionArrays& arrays, const AttentionGradients& gradients,
                             const AttentionSegment& segment, int kv_head,
                             const AttentionShape& shape, char* scratch);
  // Appends row `row`'s key and value at `position`.
  void (*append_kv)(const void* qk, const void* qkv, int64_t row, int kv_head, int position,
                    const KvPanels& cache, const AttentionShape& shape);
  // Row `row`'s queries against keys [0, position] of its cache.
  void (*attention_decode)(const AttentionArrays& arrays, int64_t row, int kv_head, int position,
                           const KvPanels& cache, const AttentionShape& shape, char* scratch);

  // log p(target) and entropy of softmax(logits * inv_temperature), v of `stride` columns.
  // If dlogits is given: dlogits T (stride) = dlogprob * inv_temperature (onehot - p), the
  // padding zero. `logits` is overwritten.
  void (*score_row)(float* logits, int v, int64_t stride, float inv_temperature, int32_t target,
                    float dlogprob, float* logprob, float* entropy, void* dlogits);
  // Draws a token: greedy if inv_temperature is 0. `u` in [0, 1). `weights` is scratch (v
  // rounded up to 16). The log-probability is in the full softmax.
  int32_t (*sample_row)(const float* logits, float* weights, int v, float inv_temperature,
                        int top_k, float top_p, float u, float* logprob);
  // The num_top <= v largest, in order, with their log-probabilities; scratch as in sample_row.
  void (*top_row)(const float* logits, float* weights, int v, float inv_temperature, int num_top,
                  int32_t* tokens, float* logprobs);

  void (*to_compute)(const float* source, void* destination, int64_t count);
  double (*sum_of_squares)(const float* x, int64_t count);
  // Columns [begin, end) of dw (rows, c) (+)= folded diag(gain) and dgain += column sums of
  // folded * w.
  void (*unfold_gain)(const float* folded, const float* w, const float* gain, int rows, int c,
                      int begin, int end, bool add, float* dw, float* dgain);
  void (*adamw)(float* w, float* g, float* m, float* v, int64_t count, const AdamWArgs& args);
};

// nullptr where the CPU or the build lacks the instruction set.
const KernelTable* Bf16KernelsAvx512();
const KernelTable* FloatKernelsAvx512();
const KernelTable* FloatKernelsAvx2();
const KernelTable* FloatKernelsBaseline();

}  // namespace agon::policy::cpu
