// What the CPU backend's ops need besides their arguments, taken before the first of them.
#include <algorithm>

#include "policy/cpu/cpu_backend.h"

namespace agon::policy::cpu {

void CpuBackend::Reserve(const OpLimits& limits) {
  const int64_t element = kernels_.element_bytes;
  const int64_t vocab = RoundUp(config_.vocab_size);
  const size_t logits = static_cast<size_t>(kHeadRowsPerItem + 1) * vocab * sizeof(float);
  ReserveThreadScratch(std::max(
      logits,
      kernels_.attention_scratch_bytes(shape_, static_cast<int>(RoundUp(config_.max_positions)))));
  if (!limits.learns || limits.batch_rows == 0) return;
  const int head_rows = std::min(limits.head_rows, HeadBlockRows(vocab));
  const int64_t d = shape_.head_dim, c = config_.hidden_size, f = config_.intermediate_size;
  const int64_t widest_out =
      std::max({RoundUp((shape_.num_heads + 2 * shape_.num_kv_heads) * d), RoundUp(c), 2 * f});
  const int64_t widest_in = std::max({c, shape_.num_heads * d, f});
  const auto panels = [&](int rows, int64_t width) {
    return PanelBytes(rows) * static_cast<size_t>(width / 32);
  };
  dy_panels_.Get(std::max(panels(limits.batch_rows, widest_out), panels(head_rows, vocab)));
  x_panels_.Get(panels(limits.batch_rows, widest_in));
  dlogits_.Get(static_cast<size_t>(head_rows * vocab * element));
  partials_.Get(QkPartialBytes(limits.batch_rows));
}

}  // namespace agon::policy::cpu
