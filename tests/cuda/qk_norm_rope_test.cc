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

  std::vector<T> Forward(size_t first, size_t count) const {
    const size_t width = qkv.size() / static_cast<size_t>(rows);
    Device<T> in(Slice(qkv, first * width, count * width));
    Device<T> out(count * dqk.size() / static_cast<size_t>(rows));
    Device<int32_t> at(Slice(positions, first, count));
    Device<float> q(q_gain), k(k_gain), cosines(cosine), sines(sine);
    QkNormRope<T>(in, at, static_cast<int>(count), q, k, cosines, sines, epsilon, shape, out,
                  nullptr);
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
                        p.k_gain.data(), expected.data());
    EXPECT_LE(Nmse(p.Forward(0, 37), Rounded<T>(expected)), kBound<T>) << shape.head_dim;
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
  EXPECT_THROW(
      QkNormRope<T>(qkv, positions, 1, x, x, x, x, 1e-6f, HeadShape{1, 1, 48}, qkv, nullptr),
      Error);
}

}  // namespace
}  // namespace agon::policy::cuda
