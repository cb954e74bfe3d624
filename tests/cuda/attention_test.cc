#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

using Segments = std::vector<PackedBatch::Segment>;

// A packed batch: queries and keys in qk, values in qkv.
template <typename T>
struct AttentionProblem {
  AttentionProblem(Segments s, HeadShape h) : segments(std::move(s)), shape(h) {
    for (const auto& segment : segments) rows = std::max(rows, segment.begin + segment.length);
    const auto n = static_cast<size_t>(rows), d = static_cast<size_t>(shape.head_dim);
    const auto rotated = static_cast<size_t>(shape.num_heads + shape.num_kv_heads) * d;
    qk = Rounded<T>(Normals(1, n * rotated));
    qkv = Rounded<T>(Normals(2, n * (rotated + static_cast<size_t>(shape.num_kv_heads) * d)));
  }
  size_t OutWidth() const { return static_cast<size_t>(shape.num_heads * shape.head_dim); }

  int rows = 0;
  Segments segments;
  HeadShape shape;
  std::vector<T> qk, qkv;
};

template <typename T>
struct Result {
  std::vector<T> out;
  std::vector<float> lse;
};

template <typename T>
Result<T> Run(const AttentionProblem<T>& p, const Segments& segments) {
  const auto n = static_cast<size_t>(p.rows);
  const auto tiles = MakeAttentionTiles(segments, p.shape);
  Device<AttentionTile> device_tiles(tiles);
  Device<T> qk(p.qk), qkv(p.qkv), out(n * p.OutWidth());
  Device<float> lse(n * static_cast<size_t>(p.shape.num_heads));
  Attention<T>(device_tiles, static_cast<int>(tiles.size()), p.shape, qk, qkv, out, lse, nullptr);
  return {out.Read(), lse.Read()};
}

// The CPU backend of a problem's shape, and the problem's segments in its form.
struct CpuAttention {
  CpuAttention(const Segments& all, const HeadShape& shape)
      : backend(Reference(shape.num_heads, shape.num_kv_heads, shape.head_dim)),
        segments(backend->NewSegments()) {
    backend->SetSegments(*segments, all);
  }
  std::unique_ptr<Backend> backend;
  std::unique_ptr<PackedSegments> segments;
};

// Keys and values of a problem of one sequence go to a slot.
template <typename T>
void Keep(const AttentionProblem<T>& p, int slot, const KvLayer<T>& cache) {
  const int d = p.shape.head_dim, kv = p.shape.num_kv_heads, rotated = p.shape.num_heads + kv;
  const size_t bytes = static_cast<size_t>(d) * sizeof(T);
  for (int row = 0; row < p.rows; ++row) {
    for (int head = 0; head < kv; ++head) {
      const int64_t at = cache.Offset(slot, head, row, d);
      const T* key = p.qk.data() + (row * rotated + p.shape.num_heads + head) * d;
      const T* value = p.qkv.data() + (row * (rotated + kv) + rotated + head) * d;
      Expect(cudaMemcpy(cache.keys + at, key, bytes, cudaMemcpyHostToDevice));
      Expect(cudaMemcpy(cache.values + at, value, bytes, cudaMemcpyHostToDevice));
    }
  }
  Expect(cudaDeviceSynchronize());
}

template <typename T>
class AttentionKernel : public KernelTest<T> {};
TYPED_TEST_SUITE(AttentionKernel, ComputeTypes);

// A prompt, two completions that share it, and a sequence of its own.
const Segments kMixed = {{0, 37, 0, 0}, {37, 5, 0, 37}, {42, 40, 0, 37}, {82, 33, 0, 0}};

// One of several tiles of queries and of keys.
const Segments kLong = {{0, 200, 0, 0}};

const std::pair<Segments, HeadShape> kProblems[] = {
    {kMixed, {4, 2, 32}}, {kMixed, {7, 1, 64}}, {kMixed, {2, 2, 128}}, {kLong, {2, 1, 32}}};

TYPED_TEST(AttentionKernel, FollowsTheCpu) {
  using T = TypeParam;
  for (const auto& [segments, shape] : kProblems) {
    const AttentionProblem<T> p(segments, shape);
    std::vector<float> out(static_cast<size_t>(p.rows) * p.OutWidth());
    std::vector<float> lse(static_cast<size_t>(p.rows * shape.num_heads));
    const CpuAttention cpu(p.segments, shape);
    cpu.backend->Attention(*cpu.segments, Values(p.qk).data(), Values(p.qkv).data(), out.data(),
                           lse.data());
    const auto got = Run(p, p.segments);
    EXPECT_LE(Nmse(got.out, Rounded<T>(out)), kBound<T>) << shape.head_dim;
    EXPECT_LE(Nmse(got.lse, lse), 1e-10) << shape.head_dim;
  }
}

TYPED_TEST(AttentionKernel, ASharedPrefixGivesTheBitsOfACopy) {
  using T = TypeParam;
  const HeadShape shape{4, 2, 32};
  const AttentionProblem<T> shared({{0, 37, 0, 0}, {37, 20, 0, 37}}, shape);
  const AttentionProblem<T> whole({{0, 57, 0, 0}},
                                  shape);  // the same rows, for they are one sequence
  const auto a = Run(shared, shared.segments), b = Run(whole, whole.segments);
  EXPECT_TRUE(SameBits(a.out, b.out));
  EXPECT_TRUE(SameBits(a.lse, b.lse));
}

TYPED_TEST(AttentionKernel, DecodingGivesTheBitsOfTraining) {
  using T = TypeParam;
  // Several blocks of keys; groups of heads that fill a block's rows once, in part and twice.
  for (const HeadShape& shape : {HeadShape{4, 2, 32}, {7, 1, 64}, {20, 1, 32}, {2, 2, 128}}) {
    const int num_tokens = shape.num_heads == 4 ? 140 : 70, capacity = num_tokens + 26;
    const AttentionProblem<T> p({{0, num_tokens, 0, 0}}, shape);
    const auto trained = Run(p, p.segments);
    const auto slot = static_cast<size_t>(shape.num_kv_heads * capacity * shape.head_dim);
    Device<T> keys(3 * slot), values(3 * slot);  // poison: what isn't written must not count
    const KvLayer<T> cache{keys, values, static_cast<int64_t>(slot), capacity};
    Keep(p, 2, cache);
    Device<T> qk(p.qk);
    std::vector<int32_t> positions, slots;
    for (int i = 0; i < num_tokens; ++i) {
      positions.push_back(i);
      slots.push_back(2);
    }
    Device<int32_t> device_positions(positions), device_slots(slots);
    // All at once, as rows of a batch, and some alone.
    Device<T> out(static_cast<size_t>(num_tokens) * p.OutWidth());
    AttentionDecode<T>(cache, shape, qk, device_slots, device_positions, num_tokens, {}, {}, out,
                       nullptr);
    EXPECT_TRUE(SameBits(out.Read(), trained.out)) << shape.head_dim;
    for (const int row : {0, 31, 32, 69}) {
      const size_t width = p.OutWidth(), qk_width = p.qk.size() / static_cast<size_t>(num_tokens);
      const auto r = static_cast<size_t>(row);
      Device<T> query(Slice(p.qk, r * qk_width, qk_width)), alone(width);
      Device<int32_t> position(std::vector<int32_t>{row}), in_slot(std::vector<int32_t>{2});
      AttentionDecode<T>(cache, shape, query, in_slot, position, 1, {}, {}, alone, nullptr);
      EXPECT_TRUE(SameBits(alone.Read(), Slice(trained.out, r * width, width))) << row;
    }
  }
}

// A sequence in each of some slots of a cache, and rows that decode some of its tokens.
struct CachedSequence {
  CachedSequence(const AttentionProblem<Bf16>& p, int num_slots, int capacity)
      : problem(p),
        slot(static_cast<size_t>(p.shape.num_kv_heads * capacity * p.shape.head_dim)),
        keys(static_cast<size_t>(num_slots) * slot),
        values(static_cast<size_t>(num_slots) * slot),
        cache{keys, values, static_cast<int64_t>(slot), capacity} {
    for (int i = 0; i < num_slots; ++i) Keep(p, i, cache);
  }

  // What token positions[i] of slot slots[i] comes to.
  std::vector<Bf16> Decode(const std::vector<int32_t>& slots, const std::vector<int32_t>& positions,
                           const KeySplits& splits, const PrefixTables& prefixes = {}) const {
    const size_t width = problem.qk.size() / static_cast<size_t>(problem.rows);
    std::vector<Bf16> queries;
    for (const int32_t position : positions) {
      const auto query = Slice(problem.qk, static_cast<size_t>(position) * width, width);
      queries.insert(queries.end(), query.begin(), query.end());
    }
    const Device<Bf16> qk(queries);
    const Device<int32_t> in(slots), at(positions);
    Device<Bf16> out(slots.size() * problem.OutWidth());
    if (prefixes.num_tiles) AttentionPrefix(cache, problem.shape, qk, prefixes, 2, nullptr);
    AttentionDecode<Bf16>(cache, problem.shape, qk, in, at, static_cast<int>(slots.size()),
                          prefixes, splits, out, nullptr);
    return out.Read();
  }

  const AttentionProblem<Bf16>& problem;
  size_t slot;
  Device<Bf16> keys, values;
  KvLayer<Bf16> cache;
};

// Of a sequence's training, the tokens at `positions`.
std::vector<Bf16> TrainedRows(const AttentionProblem<Bf16>& p,
                              const std::vector<int32_t>& positions) {
  const auto all = Run(p, p.segments).out;
  std::vector<Bf16> out;
  for (const int32_t position : positions) {
    const auto row = Slice(all, static_cast<size_t>(position) * p.OutWidth(), p.OutWidth());
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

class DecodedAttention : public KernelTest<Bf16> {};

TEST_F(DecodedAttention, BlocksThatShareARowsKeysChangeNoBits) {
  for (const HeadShape& shape : {HeadShape{4, 2, 32}, {20, 1, 32}, {7, 1, 64}, {2, 2, 128}}) {
    const int capacity = 600;
    const AttentionProblem<Bf16> p({{0, 530, 0, 0}}, shape);
    const CachedSequence sequence(p, 1, capacity);
    const std::vector<int32_t> positions = {529, 0, 63, 64, 255, 256, 300}, slots(7);
    const auto trained = TrainedRows(p, positions);
    EXPECT_TRUE(SameBits(sequence.Decode(slots, positions, {}), trained)) << shape.head_dim;
    const auto scratch = ScratchOfKeySplits(7, shape, capacity);
    Device<float> parts(static_cast<size_t>(scratch.part_floats));
    Device<int32_t> arrivals(std::vector<int32_t>(static_cast<size_t>(scratch.arrivals)));
    const int most = NumKeySplits(1, shape, capacity);
    EXPECT_GE(most, 3);
    for (const int count : {2, most}) {
      const KeySplits splits{count, parts, arrivals};
      EXPECT_TRUE(SameBits(sequence.Decode(slots, positions, splits), trained)) << shape.head_dim;
    }
    for (const int32_t left : arrivals.Read()) EXPECT_EQ(left, 0);
  }
}

TEST(KeySplits, AreOneWhereRowsFillAGpuOrKeysAreFew) {
  const HeadShape base{14, 2, 64};
  EXPECT_EQ(NumKeySplits(1, base, 2048), 8);  // a round of four blocks of 64 keys for each
  EXPECT_EQ(NumKeySplits(1, base, 256), 1);
  EXPECT_EQ(NumKeySplits(64, base, 2048), 2);
  EXPECT_EQ(NumKeySplits(65, base, 2048), 1);
  EXPECT_EQ(NumKeySplits(1024, base, 2048), 1);
  EXPECT_EQ(ScratchOfKeySplits(1024, base, 256).arrivals, 0);
  const auto scratch = ScratchOfKeySplits(1024, base, 2048);  // of 64 rows
  EXPECT_EQ(scratch.arrivals, 64 * 2);
  EXPECT_EQ(scratch.part_floats, 64 * 14 * 32 * 66);
}

// Nobody but the first member's slot has the prefix: who reads it elsewhere finds no numbers.
TEST_F(DecodedAttention, RowsThatBeginAlikeReadTheirPrefixOnce) {
  for (const HeadShape& shape : {HeadShape{14, 2, 32}, {7, 1, 64}, {2, 2, 128}}) {
    constexpr int kSlots = 30, kPrefix = 130, kCapacity = 300;
    const int block = KeysPerBlock(shape.head_dim), shared = kPrefix / block * block;
    const AttentionProblem<Bf16> p({{0, 290, 0, 0}}, shape);
    const CachedSequence sequence(p, kSlots, kCapacity);
    // Slots from 2 on begin alike; 0 is somebody else's, 1 nobody's, and 5 isn't decoded now.
    std::vector<int32_t> slots, positions, rows(kSlots, -1), num_keys(kSlots), members;
    for (int slot = kSlots - 1; slot >= 0; --slot) {
      if (slot == 1) continue;
      if (slot >= 2) {
        members.push_back(slot);
        num_keys[static_cast<size_t>(slot)] = shared;
      }
      if (slot == 5) continue;
      rows[static_cast<size_t>(slot)] = static_cast<int32_t>(slots.size());
      slots.push_back(slot);
      positions.push_back(kPrefix + 5 * slot);
    }
    for (int slot = 2; slot < kSlots; ++slot) {
      if (slot == members[0]) continue;
      for (int head = 0; head < shape.num_kv_heads; ++head) {
        const int64_t at = sequence.cache.Offset(slot, head, 0, shape.head_dim);
        const auto bytes = static_cast<size_t>(shared * shape.head_dim) * sizeof(Bf16);
        Expect(cudaMemset(sequence.cache.keys + at, 0xff, bytes));
        Expect(cudaMemset(sequence.cache.values + at, 0xff, bytes));
      }
    }
    const int most = kPrefixRows / (shape.num_heads / shape.num_kv_heads);
    std::vector<PrefixTile> tiles;
    for (int i = 0; i < static_cast<int>(members.size()); i += most) {
      tiles.push_back(
          {members[0], shared, i, std::min(most, static_cast<int>(members.size()) - i)});
    }
    const Device<int32_t> num_tiles(std::vector<int32_t>{static_cast<int32_t>(tiles.size())});
    const Device<PrefixTile> device_tiles(tiles);
    const Device<int32_t> device_members(members), device_keys(num_keys), device_rows(rows);
    Device<float> parts(slots.size() * static_cast<size_t>(shape.num_heads) *
                        static_cast<size_t>(PartFloats(shape.head_dim)));
    const PrefixTables tables{num_tiles,   device_tiles, device_members,
                              device_keys, device_rows,  parts};
    EXPECT_TRUE(SameBits(sequence.Decode(slots, positions, {}, tables), TrainedRows(p, positions)))
        << shape.head_dim;
  }
}

template <typename T>
struct Gradient {
  std::vector<float> dqk, dv;
};

template <typename T>
Gradient<T> RunGradient(const AttentionProblem<T>& p, const Result<T>& forward,
                        const std::vector<T>& dout, bool starts_with_the_least = false) {
  const auto n = static_cast<size_t>(p.rows);
  auto tiles = MakeAttentionTiles(p.segments, p.shape);
  KeyTiles key_tiles = MakeKeyTiles(p.segments);
  if (starts_with_the_least) {
    std::reverse(tiles.begin(), tiles.end());
    std::reverse(key_tiles.tiles.begin(), key_tiles.tiles.end());
  }
  Device<AttentionTile> device_tiles(tiles);
  Device<KeyTile> device_key_tiles(key_tiles.tiles);
  Device<QueryRange> ranges(key_tiles.ranges);
  Device<T> qk(p.qk), qkv(p.qkv), out(forward.out), device_dout(dout);
  Device<float> lse(forward.lse), delta(forward.lse.size()), dqk(p.qk.size());
  Device<float> dv(n * static_cast<size_t>(p.shape.num_kv_heads * p.shape.head_dim));
  AttentionGradient<T>(device_tiles, static_cast<int>(tiles.size()), device_key_tiles,
                       static_cast<int>(key_tiles.tiles.size()), ranges, p.shape, qk, qkv, out, lse,
                       device_dout, p.rows, delta, dqk, dv, nullptr);
  return {dqk.Read(), dv.Read()};
}

// Tensor cores multiply bf16: weights and the gradients of scores are rounded to it, where the CPU
// in fp32 has them whole. Rounding a value with fraction m, 1 <= m < 2, is off by up to 2^-8,
// evenly: in the mean over fractions a square of (2^-7 / m)^2 / 12, that is 2.8e-6, and so is the
// sum of many.
template <typename T>
constexpr double kGradientBound = std::is_same_v<T, float> ? 1e-7 : 3.5e-6;

TYPED_TEST(AttentionKernel, GradientFollowsTheCpu) {
  using T = TypeParam;
  for (const auto& [segments, shape] : kProblems) {
    const AttentionProblem<T> p(segments, shape);
    const auto forward = Run(p, p.segments);
    const auto dout = Rounded<T>(Normals(3, forward.out.size()));
    std::vector<float> dqk(p.qk.size());
    std::vector<float> dv(static_cast<size_t>(p.rows * shape.num_kv_heads * shape.head_dim));
    const CpuAttention cpu(p.segments, shape);
    cpu.backend->AttentionGradient(*cpu.segments, Values(p.qk).data(), Values(p.qkv).data(),
                                   Values(forward.out).data(), forward.lse.data(),
                                   Values(dout).data(), p.rows, dqk.data(), dv.data());
    const auto got = RunGradient(p, forward, dout);
    EXPECT_LE(Nmse(got.dqk, dqk), kGradientBound<T>) << shape.head_dim;
    EXPECT_LE(Nmse(got.dv, dv), kGradientBound<T>) << shape.head_dim;
  }
}

TYPED_TEST(AttentionKernel, TheOrderOfTilesChangesNoBits) {
  using T = TypeParam;
  const AttentionProblem<T> p({{0, 70, 0, 0}, {70, 35, 0, 70}, {105, 10, 0, 70}}, {4, 2, 32});
  const auto forward = Run(p, p.segments);
  const auto dout = Rounded<T>(Normals(3, forward.out.size()));
  const auto falling = RunGradient(p, forward, dout), rising = RunGradient(p, forward, dout, true);
  EXPECT_TRUE(SameBits(falling.dqk, rising.dqk));
  EXPECT_TRUE(SameBits(falling.dv, rising.dv));
}

// Keys of tokens [0, 64), [64, 128) and [128, 140) are seen by the queries from there on and by
// both continuations; those of the continuations by themselves.
TEST(AttentionTiles, StartWithTheMostWork) {
  const Segments segments = {{140, 70, 0, 140}, {210, 20, 0, 140}, {0, 140, 0, 0}};
  std::vector<int> first_keys, first_queries;
  for (const KeyTile& tile : MakeKeyTiles(segments).tiles) first_keys.push_back(tile.first_key);
  EXPECT_EQ(first_keys, (std::vector<int>{0, 64, 128, 140, 210, 204}));
  for (const auto& tile : MakeAttentionTiles(segments, {4, 2, 32})) {
    first_queries.push_back(tile.first_query);
  }
  EXPECT_EQ(first_queries, (std::vector<int>{204, 172, 140, 210, 128, 96, 64, 32, 0}));
}

TYPED_TEST(AttentionKernel, LargeScoresDontOverflow) {
  using T = TypeParam;
  AttentionProblem<T> p({{0, 40, 0, 0}}, HeadShape{1, 1, 32});
  for (T& x : p.qk) x = Rounded<T>(100.0f * Value(x));
  const auto got = Run(p, p.segments);
  for (const T& x : got.out) EXPECT_TRUE(std::isfinite(Value(x)));
  for (float x : got.lse) EXPECT_TRUE(std::isfinite(x));
}

}  // namespace
}  // namespace agon::policy::cuda
