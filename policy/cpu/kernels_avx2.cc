// Compiled with AVX2 and FMA (see CMakeLists.txt).
#define AGON_ISA avx2
#include "policy/cpu/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)
#include "policy/cpu/kernel_table.h"

namespace agon::policy::cpu {
const KernelTable* FloatKernelsAvx2() {
  static constexpr KernelTable table = avx2::MakeKernelTable<float>("avx2");
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &table : nullptr;
}
}  // namespace agon::policy::cpu
#else
namespace agon::policy::cpu {
const KernelTable* FloatKernelsAvx2() { return nullptr; }
}  // namespace agon::policy::cpu
#endif
