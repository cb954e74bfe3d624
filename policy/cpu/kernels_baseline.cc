// Compiled for the build's own target: the path of last resort, on any processor.
#define AGON_ISA baseline
#include "policy/cpu/kernel_table.h"
#include "policy/cpu/kernels.h"

namespace agon::policy::cpu {
const KernelTable* FloatKernelsBaseline() {
  static constexpr KernelTable table = baseline::MakeKernelTable<float>("baseline");
  return &table;
}
}  // namespace agon::policy::cpu
