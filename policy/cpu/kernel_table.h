// Fills a KernelTable from the templates; included last by kernels_<isa>.cc.
#pragma once

#include "policy/cpu/attention_backward_kernels.h"
#include "policy/cpu/attention_kernels.h"
#include "policy/cpu/gemm_kernels.h"
#include "policy/cpu/head_kernels.h"
#include "policy/cpu/row_kernels.h"

namespace agon::policy::cpu::AGON_ISA {

template <typename T>
constexpr KernelTable MakeKernelTable(const char* isa) {
  return {
      .isa = isa,
      .element_bytes = sizeof(T),
      .pack_linear = PackLinear<T>,
      .pack_rows = PackRows<T>,
      .gemm = Gemm<T>,
      .gemm_transposed = GemmTransposed<T>,
      .rms_norm = RmsNorm<T>,
      .rms_norm_backward = RmsNormBackward<T>,
      .qk_norm_rope = QkNormRope<T>,
      .qk_norm_rope_backward = QkNormRopeBackward<T>,
      .attention_scratch_bytes = AttentionScratchBytes<T>,
      .attention_forward = AttentionForward<T>,
      .attention_backward = AttentionBackward<T>,
      .append_kv = AppendKv<T>,
      .attention_decode = AttentionDecode<T>,
      .score_row = ScoreRow<T>,
      .sample_row = SampleRow,
      .top_row = TopRow,
      .to_compute = ToCompute<T>,
      .sum_of_squares = SumOfSquares,
      .unfold_gain = UnfoldGain,
      .adamw = AdamW,
  };
}

}  // namespace agon::policy::cpu::AGON_ISA
