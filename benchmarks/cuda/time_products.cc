// Products with weights, in training and in decoding.
#include <memory>

#include "benchmarks/cuda/kernel_bench.h"
#include "policy/cuda/cuda_backend.h"
#include "policy/cuda/gpu.h"
#include "policy/cuda/matmul.h"
#include "policy/cuda/space.h"

namespace agon::benchmarks {

using namespace policy::cuda;

namespace {

using Kind = MatmulShape::Kind;

class Products {
 public:
  Products(const Bench& bench, KernelClock& clock) : b_(bench.b), clock_(clock) {}

  // `float_bytes` a result: 0 rounds it, 4 writes fp32, 8 adds to fp32.
  void Time(const std::string& name, Kind kind, int rows, int in, int out, int float_bytes) {
    MatmulShape product{.kind = kind,
                        .out = out,
                        .in = in,
                        .dy_stride = out,
                        .dx_stride = in,
                        .is_bf16 = true,
                        .is_float_result = float_bytes > 0,
                        .adds = float_bytes == 8};
    const double weight = static_cast<double>(out) * in, x = static_cast<double>(rows) * in,
                 y = static_cast<double>(rows) * out;
    const double result = kind == Kind::kForward ? y : kind == Kind::kInputGradient ? x : weight;
    const double operands = weight + x + y - result;
    const Work work{b_ * operands + (float_bytes > 0 ? float_bytes : b_) * result,
                    2.0 * out * in * rows};
    const bool gives_weight = kind == Kind::kWeightGradient;
    const auto left = Halves(gives_weight ? int64_t{rows} * in : int64_t{out} * in);
    const auto right = Halves(int64_t{rows} * (kind == Kind::kForward ? in : out));
    const Array<float> to(static_cast<int64_t>(result));
    const auto run = [&] {
      matmul_.Run(name.c_str(), product, rows, static_cast<const Bf16*>(left),
                  static_cast<const Bf16*>(right), static_cast<float*>(to));
    };
    run();
    const bool is_ours = matmul_.UsesFewRows(product, rows);
    clock_.Time(name,
                std::to_string(rows) + " x " + std::to_string(in) + " x " + std::to_string(out) +
                    (is_ours ? ", by FewRows" : ""),
                work, run, gpu_.stream());
  }

 private:
  const double b_;
  KernelClock& clock_;
  const Gpu gpu_{0};
  const std::unique_ptr<Space> space_ = NewSpace(gpu_, {});
  Matmul matmul_{gpu_, *space_};
};

void TimePacking(const Bench& s, KernelClock& clock) {
  const int out = 2 * s.f;
  const double count = static_cast<double>(out) * s.c;
  const auto weight = Floats(int64_t{out} * s.c), gain = Floats(s.c);
  const Array<Bf16> packed(int64_t{out} * s.c);
  const WeightToPack<Bf16> to_pack{weight, gain, packed, out, s.c, out};
  clock.Time("PackWeights", Times(out, s.c), {(4 + s.b) * count}, [&] {
    PackWeights<Bf16>({&to_pack, 1}, nullptr);
  });
}

// Our own, which a product gets for few rows if its bits and its time are right.
void TimeFewRows(const Bench& s, KernelClock& clock, int rows, int in, int out) {
  const auto w = Halves(int64_t{out} * in), x = Halves(int64_t{rows} * in);
  const Array<Bf16> y(int64_t{rows} * out);
  const double weights = static_cast<double>(out) * in;
  clock.Time("FewRows",
             std::to_string(rows) + " x " + std::to_string(in) + " x " + std::to_string(out),
             {s.b * (weights + static_cast<double>(rows) * (in + out)), 2.0 * rows * weights},
             [&] { FewRows<Bf16>("FewRows", w, out, in, x, rows, false, y, out, nullptr); });
}

}  // namespace

void TimeProducts(const Bench& s, KernelClock& clock) {
  TimePacking(s, clock);
  Products products(s, clock);
  const int n = s.o.tokens, qkv = s.h + 2 * s.kv, padded = PaddedOut(s.o.vocab_size);
  products.Time("Linear, queries, keys and values", Kind::kForward, n, s.c, qkv, 0);
  products.Time("LinearAdd, attention's output", Kind::kForward, n, s.h, s.c, 8);
  products.Time("Linear, gate and up", Kind::kForward, n, s.c, 2 * s.f, 0);
  products.Time("LinearAdd, down", Kind::kForward, n, s.f, s.c, 8);
  products.Time("LinearInputGradient, gate and up", Kind::kInputGradient, n, s.c, 2 * s.f, 4);
  products.Time("LinearWeightGradient, gate and up", Kind::kWeightGradient, n, s.c, 2 * s.f, 8);
  for (const int rows : {s.o.rows, 1}) {
    products.Time("Linear, decoding, gate and up", Kind::kForward, rows, s.c, 2 * s.f, 0);
    products.Time("logits, decoding", Kind::kForward, rows, s.c, padded, 4);
  }
  for (const int rows : {1, kMostFewRows}) {
    TimeFewRows(s, clock, rows, s.c, 2 * s.f);
    TimeFewRows(s, clock, rows, s.h, s.c);
  }
}

}  // namespace agon::benchmarks
