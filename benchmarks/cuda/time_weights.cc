// Kernels on logits, and on weights and their gradients.
#include "benchmarks/cuda/kernel_bench.h"
#include "policy/backend.h"
#include "policy/cuda/cuda_backend.h"

namespace agon::benchmarks {

using namespace policy::cuda;

void TimeHead(const Bench& s, KernelClock& clock) {
  const int v = s.o.vocab_size;
  const int64_t stride = PaddedOut(v);
  // As many as the backend takes at once.
  const int rows = static_cast<int>(std::min<int64_t>(s.o.rows, kLogitBytes / (4 * stride)));
  const auto logits = Floats(rows * stride);
  const auto targets = Ids(rows, v);
  const Array<float> logprobs(rows), entropies(rows), uniforms(rows);
  const auto dlogprobs = Floats(rows);
  const Array<Bf16> dlogits(rows * stride);
  const Array<int32_t> tokens(rows);
  constexpr int kTop = 5;
  const Array<policy::TokenLogprob> top(int64_t{rows} * kTop);
  const std::string shape = Times(rows, v);
  const double read = 4.0 * v * rows;
  clock.Time("ScoreLogits", shape + ", with gradient", {read + s.b * v * rows}, [&] {
    ScoreLogits<Bf16>(logits, rows, v, stride, 1.0f, targets, logprobs, entropies, dlogprobs,
                      dlogits, nullptr);
  });
  clock.Time("SampleLogits", shape, {read}, [&] {
    SampleLogits(logits, rows, v, stride, 1.0f, 0, 1.0f, uniforms, tokens, logprobs, nullptr);
  });
  clock.Time("SampleLogits", shape + ", top-k 50", {read}, [&] {
    SampleLogits(logits, rows, v, stride, 1.0f, 50, 1.0f, uniforms, tokens, logprobs, nullptr);
  });
  clock.Time("TopLogits", shape + ", top " + std::to_string(kTop), {read},
             [&] { TopLogits(logits, rows, v, stride, 1.0f, kTop, top, nullptr); });
}

void TimeOptimizer(const Bench& s, KernelClock& clock) {
  const int rows = 2 * s.f, c = s.c;
  const int64_t count = int64_t{rows} * c;
  const auto size = static_cast<double>(count);
  const auto w = Floats(count), g = Floats(count), gain = Floats(c);
  const Array<float> m(count), v(count), dgain(c), partials(UnfoldGainPartials(rows, c));
  const Array<double> sums((count + policy::kSquaresPerSum - 1) / policy::kSquaresPerSum);
  const std::string shape = Times(rows, c);
  const policy::FoldedGain folded{g, w, gain, rows, false, m, dgain};
  clock.Time("UnfoldGains", shape, {12 * size}, [&] {
    UnfoldGains({&folded, 1}, c, partials, nullptr);
  });
  clock.Time("SumsOfSquares", shape, {4 * size}, [&] { SumsOfSquares(g, count, sums, nullptr); });
  clock.Time("Combine", shape, {12 * size}, [&] { Combine(0.5f, w, 0.5f, g, count, m, nullptr); });
  clock.Time("Divide", shape, {8 * size}, [&] { Divide(m, count, 2.0, nullptr); });
  clock.Time("Transpose", shape, {8 * size}, [&] { Transpose(w, rows, c, m, nullptr); });
  const policy::Backend::AdamW step{.learning_rate = 1e-4f,
                                    .beta1 = 0.9f,
                                    .beta2 = 0.99f,
                                    .epsilon = 1e-8f,
                                    .grad_scale = 1.0f,
                                    .step = 10};
  const policy::Backend::AdamWRange range{0, count, 0.1f};
  clock.Time("StepAdamW", shape, {32 * size}, [&] {
    StepAdamW(w, g, m, v, {&range, 1}, step, nullptr);
  });
}

}  // namespace agon::benchmarks
