// The ops of policy/backend.h as functions over device memory, one file for each family.
//
// T is the compute type, float or Bf16; every function is instantiated for both. Pointers are
// the device's, from an arena whose parts begin at multiples of 256 bytes; rows hold a
// multiple of 4 elements, so that every row can be read 16 (fp32) or 8 (bf16) bytes at a time.
// Calls only queue work on `stream`; they throw Error if CUDA refuses it. A row's result has
// the same bits whatever rows are computed with it, and no result depends on the order in
// which threads or blocks run.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <span>
#include <vector>

#include "policy/backend.h"
#include "policy/row_table.h"

namespace agon::policy::cuda {

using Bf16 = __nv_bfloat16;

// --- linear.cu -------------------------------------------------------------------------
// packed (out_padded, in) = weight (out, in), its columns scaled by input_gain (in) if there is
// one, rows beyond `out` zero.
template <typename T>
struct WeightToPack {
  const float *weight, *input_gain;
  T* packed;
  int out, in, out_padded;
};
template <typename T>
void PackWeights(std::span<const WeightToPack<T>> weights, cudaStream_t stream);
// activation (rows, f) = silu(gate) up with gate_up (rows, [f; f]).
template <typename T>
void SwiGlu(const T* gate_up, int rows, int f, T* activation, cudaStream_t stream);
// dgate_up (rows, [f; f]), whose gate half holds the activation's gradient before.
template <typename T>
void SwiGluGradient(const T* gate_up, int rows, int f, T* dgate_up, cudaStream_t stream);

// --- few_rows.cu -----------------------------------------------------------------------
// y (rows, out), `y_stride` elements from row to row, = x (rows, in) w^T with w (out, in), or is
// added to what y holds; only fp32 can be. At most kMostFewRows rows; out and in are multiples
// of 16.
inline constexpr int kMostFewRows = 16;
template <typename Y>
void FewRows(const char* op, const Bf16* w, int out, int in, const Bf16* x, int rows, bool adds,
             Y* y, int y_stride, cudaStream_t stream);

// --- rms_norm.cu -----------------------------------------------------------------------
// xhat (rows, c) = x / rms(x), rstd (rows).
template <typename T>
void RmsNorm(const float* x, int rows, int c, float epsilon, T* xhat, float* rstd,
             cudaStream_t stream);
// dx += gradient; dx_rounded = dx as T.
template <typename T>
void RmsNormGradient(const float* dxhat, const T* xhat, const float* rstd, int rows, int c,
                     float* dx, T* dx_rounded, cudaStream_t stream);

// --- rows.cu ---------------------------------------------------------------------------
// x (rows, c) = rows of table (V, c).
void Embedding(const float* table, const int32_t* tokens, int rows, int c, float* x,
               cudaStream_t stream);
// out (count, c) = rows of x (·, c).
template <typename T>
void GatherRows(const T* x, const int32_t* rows, int count, int c, T* out, cudaStream_t stream);
// dx (·, c): row rows[i] += d[i] (count, c), in the order of i. Also the embedding's gradient.
// `order` is scratch of RowOrderInts(count).
void ScatterAddRows(const float* d, const int32_t* rows, int count, int c, float* dx,
                    int32_t* order, cudaStream_t stream);
int64_t RowOrderInts(int count);
// fp32 to T; `count` elements.
template <typename T>
void Round(const float* x, int64_t count, T* rounded, cudaStream_t stream);

// --- qk_norm_rope.cu -------------------------------------------------------------------
struct HeadShape {
  int num_heads, num_kv_heads, head_dim;  // head_dim 32, 64 or 128
};
// Keys and values of one layer: (slots, KV, capacity, d) each, slots `slot_stride` elements apart.
template <typename T>
struct KvLayer {
  T *keys, *values;
  int64_t slot_stride;
  int capacity;  // tokens

  // Of a token's key or value.
  __host__ __device__ int64_t Offset(int slot, int kv_head, int position, int head_dim) const {
    return slot * slot_stride + (static_cast<int64_t>(kv_head) * capacity + position) * head_dim;
  }
};
// Queries and keys of qkv (rows, (H + 2 KV) d), normalised per head with gains (d) and rotated
// by cosine and sine (positions, d / 2), to qk (rows, (H + KV) d). With `slots` (rows) row i's key
// and value go to slots[i] of the cache at positions[i], too. Slot -1, here and in decoding: no
// row.
template <typename T>
void QkNormRope(const T* qkv, const int32_t* positions, int rows, const float* q_gain,
                const float* k_gain, const float* cosine, const float* sine, float epsilon,
                const HeadShape& shape, T* qk, const KvLayer<T>& cache, const int32_t* slots,
                cudaStream_t stream);
// dqkv (rows, (H + 2 KV) d) from dqk (rows, (H + KV) d) and dv (rows, KV d); the gains'
// gradients (d) are added to. `partials` holds QkNormRopePartials(rows, shape) floats.
template <typename T>
void QkNormRopeGradient(const T* qkv, const int32_t* positions, int rows, const float* q_gain,
                        const float* k_gain, const float* cosine, const float* sine, float epsilon,
                        const HeadShape& shape, const float* dqk, const float* dv, T* dqkv,
                        float* dq_gain, float* dk_gain, float* partials, cudaStream_t stream);
int64_t QkNormRopePartials(int rows, const HeadShape& shape);

// --- attention.cu ----------------------------------------------------------------------
// Some queries of one segment (policy.h): tokens [first_query, first_query + num_queries) of
// the packed batch, whose segment starts at `begin`.
struct AttentionTile {
  int32_t begin, first_query, num_queries, prefix_begin, prefix_length;
};
// Tiles of all queries, on the host, the most work first. They go to the device once for a batch.
std::vector<AttentionTile> MakeAttentionTiles(std::span<const PackedBatch::Segment> segments,
                                              const HeadShape& shape);
// Causal attention with grouped queries: out (rows, H d) and lse (rows, H), which may be nullptr,
// of the tiles' queries in qk (rows, (H + KV) d) over keys there and values in qkv.
template <typename T>
void Attention(const AttentionTile* tiles, int num_tiles, const HeadShape& shape, const T* qk,
               const T* qkv, T* out, float* lse, cudaStream_t stream);

// --- attention_gradient.cu -------------------------------------------------------------
// Some queries that see keys of a tile: those of tokens [first_query, first_query +
// num_queries) see keys up to their own token, and before key_end.
struct QueryRange {
  int32_t first_query, num_queries, key_end;
};
inline constexpr int kKeysPerTile = 64;
// Up to so many keys that lie side by side, and who sees them: ranges [first_range, first_range +
// num_ranges) in the order of the batch.
struct KeyTile {
  int32_t first_key, num_keys, first_range, num_ranges;
};
struct KeyTiles {
  std::vector<KeyTile> tiles;  // the most work first
  std::vector<QueryRange> ranges;
};
KeyTiles MakeKeyTiles(std::span<const PackedBatch::Segment> segments);
// As many ranges as `rows` tokens can have, where at most `sharers` segments continue one prefix;
// they have at most `rows` tiles.
int64_t MostQueryRanges(int rows, int sharers);
// dqk (rows, (H + KV) d) and dv (rows, KV d) of all tokens of the tiles' segments, overwritten.
// `delta` is scratch (rows, H).
template <typename T>
void AttentionGradient(const AttentionTile* tiles, int num_tiles, const KeyTile* key_tiles,
                       int num_key_tiles, const QueryRange* ranges, const HeadShape& shape,
                       const T* qk, const T* qkv, const T* out, const float* lse, const T* dout,
                       int rows, float* delta, float* dqk, float* dv, cudaStream_t stream);

// --- attention_decode.cu ---------------------------------------------------------------
// The first `num_tokens` positions of slot `from` in each of `num_layers` layers, which begin
// `layer_stride` elements apart.
template <typename T>
void CopySlot(const KvLayer<T>& first_layer, int num_layers, int64_t layer_stride,
              const HeadShape& shape, int from, int to, int num_tokens, cudaStream_t stream);

// Keys of a block in bf16: sequences that are computed with together have whole blocks in common.
__host__ __device__ constexpr int KeysPerBlock(int head_dim) { return head_dim <= 64 ? 64 : 32; }
// What a row's softmax over some of its keys takes: output, sum, maximum.
__host__ __device__ constexpr int PartFloats(int head_dim) { return head_dim + 2; }

// Rows that are computed with together: tokens of members times heads that share a head of keys.
inline constexpr int kPrefixRows = 64;
// Slots that begin with the same num_keys keys, whole blocks of them, in `slot` too: `num_members`
// of PrefixTables::members.
struct PrefixTile {
  int32_t slot, num_keys, first_member, num_members;
};
// Of no prefixes, as it is made.
struct PrefixTables {
  const int32_t* num_tiles = nullptr;
  const PrefixTile* tiles = nullptr;
  const int32_t* members = nullptr;   // slots
  const int32_t* num_keys = nullptr;  // of each slot, 0: is no member
  const int32_t* rows = nullptr;      // of each slot, the row that is decoded there, -1: none
  float* parts = nullptr;             // (rows, H, PartFloats(d))
};
// Over the tiles' keys, what the members' rows of qk (rows, (H + KV) d) come to: tables.parts, from
// where AttentionDecode goes on.
void AttentionPrefix(const KvLayer<Bf16>& cache, const HeadShape& shape, const Bf16* qk,
                     const PrefixTables& tables, int most_tiles, cudaStream_t stream);

// Blocks of threads that share the keys of a row and head, in bf16: several where few rows would
// leave the GPU idle. Their scratch is of rows that go together with more than one.
struct KeySplits {
  int count = 1;
  float* parts = nullptr;
  int32_t* arrivals = nullptr;  // zeros, and zeros again in the end
};
int NumKeySplits(int rows, const HeadShape& shape, int capacity);
struct KeySplitScratch {
  int64_t part_floats = 0, arrivals = 0;
};
KeySplitScratch ScratchOfKeySplits(int most_rows, const HeadShape& shape, int capacity);

// out (rows, H d): row i's queries over positions [0, positions[i]] of slots[i]. The same bits
// as Attention gives that token.
template <typename T>
void AttentionDecode(const KvLayer<T>& cache, const HeadShape& shape, const T* qk,
                     const int32_t* slots, const int32_t* positions, int rows,
                     const PrefixTables& prefixes, const KeySplits& splits, T* out,
                     cudaStream_t stream);

// --- row_table.cu ----------------------------------------------------------------------
// As Backend::AdvanceRows.
void AdvanceRows(const RowTable& table, int step, cudaStream_t stream);

// --- optimizer.cu ----------------------------------------------------------------------
// As Backend::UnfoldGains. `partials` holds the sum of UnfoldGainPartials(rows, c) floats.
void UnfoldGains(std::span<const FoldedGain> gains, int c, float* partials, cudaStream_t stream);
int64_t UnfoldGainPartials(int rows, int c);
// As Backend::SumsOfSquares; `sums` are the device's.
void SumsOfSquares(const float* x, int64_t count, double* sums, cudaStream_t stream);
// As Backend::StepAdamW; ranges begin at multiples of 4.
void StepAdamW(float* w, float* g, float* m, float* v, std::span<const Backend::AdamWRange> ranges,
               const Backend::AdamW& step, cudaStream_t stream);

// --- matrices.cu -----------------------------------------------------------------------
// out = a x + b y (count), which may be `out`.
void Combine(float a, const float* x, float b, const float* y, int64_t count, float* out,
             cudaStream_t stream);
void Divide(float* x, int64_t count, double divisor, cudaStream_t stream);
// out (cols, rows) from x (rows, cols).
void Transpose(const float* x, int rows, int cols, float* out, cudaStream_t stream);

// --- score.cu, sample.cu ---------------------------------------------------------------
// From logits (rows, stride) fp32, v of the stride valid, of one chunk of rows: the targets'
// log-probabilities at `temperature` and the entropies, (rows) each. With `dlogprobs` (rows):
// dlogits (rows, stride) = dlogprob / temperature (onehot - p), the padding zero.
template <typename T>
void ScoreLogits(const float* logits, int rows, int v, int64_t stride, float temperature,
                 const int32_t* targets, float* logprobs, float* entropies, const float* dlogprobs,
                 T* dlogits, cudaStream_t stream);
// top (rows, num_top): the most likely tokens at `temperature`, the lower id before its equals.
// num_top is small: each is a pass over the row.
void TopLogits(const float* logits, int rows, int v, int64_t stride, float temperature, int num_top,
               TokenLogprob* top, cudaStream_t stream);
// One token per row with uniforms (rows) in [0, 1), by cumulative weight in the order of ids;
// temperature 0 is greedy, where the lowest id wins a tie. Log-probabilities are the full
// softmax's: the same bits that ScoreLogits gives.
void SampleLogits(const float* logits, int rows, int v, int64_t stride, float temperature,
                  int top_k, float top_p, const float* uniforms, int32_t* tokens, float* logprobs,
                  cudaStream_t stream);

}  // namespace agon::policy::cuda
