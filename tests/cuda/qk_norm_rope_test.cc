#include "core/error.h"
#include "policy/cuda/kernels.h"
#include "tests/cuda/device_arrays.h"

namespace agon::policy::cuda {
namespace {

template <typename T>
class QkNormRopeKernel : public KernelTest<T> {};
TYPED_TEST_SUITE(QkNormRopeKernel, ComputeTypes);

// Inputs of one problem, in fp32 values that T holds exactly.
template <typename T>
struct RopeProblem {
  RopeProblem(int row_count, HeadShape s) : rows(row_count), shape(s) {
    const auto n = static_cast<size_t>(rows), d = static_cast<size_t>(shape.head_dim);
    const auto all = static_cast<size_t>(shape.num_heads + 2 * shape.num_kv_heads) * d;
    const auto kv = static_cast<size_t>(shape.num_kv_heads) * d;
    qkv = Rounded<T>(Normals(1, n * all));
    dqk = Normals(2, n * (all - kv));
    dv = Normals(3, n * kv);
    positions = Indexes(4, n, 512);
    q_gain = Normals(5, d);
    k_gain = Normals(6, d);
    const ModelConfig config;
    epsilon = config.rms_norm_eps;
    for (int t = 0; t < 512; ++t) {
      for (int i = 0; i < shape.head_dim / 2; ++i) {
        const double angle = t * std::pow(static_cast<double>(config.rope_theta),
                                          -2.0 * i / static_cast<double>(shape.head_dim));
        cosine.push_back(static_cast<float>(std::cos(angle)));
        sine.push_back(static_cast<float>(std::sin(angle)));
      }
    }
  }

  std::unique_ptr<Backend> Cpu() const {
    return Reference(shape.num_heads, shape.num_kv_heads, shape.head_dim);
  }

  std::vector<T> Forward(size_t first, size_t count, const KvLayer<T>& cache = {},
                         const int32_t* slots = nullptr) const {
    const size_t width = qkv.size() / static_cast<size_t>(rows);
    Device<T> in(Slice(qkv, first * width, count * width));
    Device<T> out(count * dqk.size() / static_cast<size_t>(rows));
    Device<int32_t> at(Slice(positions, first, count));
    Device<float> q(q_gain), k(k_gain), cosines(cosine), sines(sine);
    QkNormRope<T>(in, at, static_cast<int>(count), q, k, cosines, sines, epsilon, shape, out, cache,
                  slots, nullptr);
    return out.Read();
  }

  int rows;
  HeadShape shape;
  float epsilon;
  std::vector<T> qkv;
  std::vector<float> dqk, dv, q_gain, k_gain, cosine, sine;
  std::vector<int32_t> positions;
};

const HeadShape kShapes[] = {{4, 2, 32}, {3, 1, 64}, {2, 2, 128}};

TYPED_TEST(QkNormRopeKernel, FollowsTheCpu) {
  using T = TypeParam;
  for (const HeadShape& shape : kShapes) {
    const RopeProblem<T> p(37, shape);
    std::vector<float> expected(p.dqk.size());
    p.Cpu()->QkNormRope(Values(p.qkv).data(), p.positions.data(), p.rows, p.q_gain.data(),
                        p.k_gain.data(), expected.data(), {});
    EXPECT_LE(Nmse(p.Forward(0, 37), Rounded<T>(expected)), kBound<T>) << shape.head_dim;
  }
}

// What goes to the cache are the bits of qk's keys and qkv's values; nobody's rows leave no trace.
TYPED_TEST(QkNormRopeKernel, KeysAndValuesAreKeptAtTheirPlaces) {
  using T = TypeParam;
  for (const HeadShape& shape : kShapes) {
    const RopeProblem<T> p(19, shape);
    const int d = shape.head_dim, kv = shape.num_kv_heads, rotated = shape.num_heads + kv;
    constexpr int kCapacity = 512, kSlots = 3;
    const auto slot = static_cast<size_t>(kv * kCapacity * d);
    std::vector<int32_t> slots;
    for (int row = 0; row < p.rows; ++row) slots.push_back(row % 4 == 3 ? -1 : row % kSlots);
    std::vector<T> keys(kSlots * slot, Rounded<T>(0.5f)), values(keys);
    Device<T> device_keys(keys), device_values(values);
    Device<int32_t> device_slots(slots);
    KvLayer<T> cache{device_keys, device_values, static_cast<int64_t>(slot), kCapacity};
    const auto qk = p.Forward(0, 19, cache, device_slots);
    EXPECT_TRUE(SameBits(qk, p.Forward(0, 19)));
    for (int row = 0; row < p.rows; ++row) {
      const auto r = static_cast<size_t>(row);
      if (slots[r] < 0) continue;
      for (int head = 0; head < kv; ++head) {
        const int64_t at = cache.Offset(slots[r], head, p.positions[r], d);
        std::copy_n(qk.begin() + (row * rotated + shape.num_heads + head) * d, d,
                    keys.begin() + at);
        std::copy_n(p.qkv.begin() + (row * (rotated + kv) + rotated + head) * d, d,
                    values.begin() + at);
      }
    }
    EXPECT_TRUE(SameBits(device_keys.Read(), keys)) << d;
    EXPECT_TRUE(SameBits(device_values.Read(), values)) << d;
  }
}

TYPED_TEST(QkNormRopeKernel, ARowAloneHasTheSameBits) {
  using T = TypeParam;
  const RopeProblem<T> p(512, kShapes[1]);
  const auto all = p.Forward(0, 512);
  const size_t width = all.size() / 512;
  for (const size_t row : {0, 17, 511}) {
    EXPECT_TRUE(SameBits(p.Forward(row, 1), Slice(all, row * width, width))) << row;
  }
}

TYPED_TEST(QkNormRopeKernel, GradientFollowsTheCpu) {
  using T = TypeParam;
  for (const HeadShape& shape : kShapes) {
    const RopeProblem<T> p(70, shape);
    const auto d = static_cast<size_t>(shape.head_dim);
    std::vector<float> expected(p.qkv.size());
    auto dq_expected = Normals(8, d), dk_expected = Normals(9, d);
    Device<float> dq_gain(dq_expected), dk_gain(dk_expected);
    p.Cpu()->QkNormRopeGradient(Values(p.qkv).data(), p.positions.data(), p.rows, p.q_gain.data(),
                                p.k_gain.data(), p.dqk.data(), p.dv.data(), expected.data(),
                                dq_expected.data(), dk_expected.data());
    Device<T> qkv(p.qkv), dqkv(p.qkv.size());
    Device<int32_t> positions(p.positions);
    Device<float> q(p.q_gain), k(p.k_gain), cosines(p.cosine), sines(p.sine), dqk(p.dqk), dv(p.dv);
    Device<float> partials(static_cast<size_t>(QkNormRopePartials(p.rows, shape)));
    QkNormRopeGradient<T>(qkv, positions, p.rows, q, k, cosines, sines, p.epsilon, shape, dqk, dv,
                          dqkv, dq_gain, dk_gain, partials, nullptr);
    EXPECT_LE(Nmse(dqkv.Read(), Rounded<T>(expected)), kBound<T>) << d;
    EXPECT_LE(Nmse(dq_gain.Read(), dq_expected), 1e-7) << d;
    EXPECT_LE(Nmse(dk_gain.Read(), dk_expected), 1e-7) << d;
  }
}

TYPED_TEST(QkNormRopeKernel, OtherHeadDimensionsAreAnError) {
  using T = TypeParam;
  Device<T> qkv(1);
  Device<float> x(1);
  Device<int32_t> positions(1);
  EXPECT_THROW(QkNormRope<T>(qkv, positions, 1, x, x, x, x, 1e-6f, HeadShape{1, 1, 48}, qkv, {},
                             nullptr, nullptr),
               Error);
}

}  // namespace
}  // namespace agon::policy::cuda
