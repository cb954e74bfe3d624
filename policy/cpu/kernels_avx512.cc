// Compiled with AVX-512 and AVX512_BF16 (see CMakeLists.txt).
#define AGON_ISA avx512
#include "policy/cpu/kernels.h"

#if defined(__AVX512BF16__)
#include "policy/cpu/kernel_table.h"

namespace agon::policy::cpu {

const KernelTable* Bf16KernelsAvx512() {
  static constexpr KernelTable table = avx512::MakeKernelTable<avx512::Bf16>("avx512_bf16");
  return __builtin_cpu_supports("avx512bf16") ? &table : nullptr;
}

const KernelTable* FloatKernelsAvx512() {
  static constexpr KernelTable table = avx512::MakeKernelTable<float>("avx512");
  // The file may use any instruction it was compiled for, in both tables.
  return __builtin_cpu_supports("avx512bf16") ? &table : nullptr;
}

}  // namespace agon::policy::cpu
#else
namespace agon::policy::cpu {
const KernelTable* Bf16KernelsAvx512() { return nullptr; }
const KernelTable* FloatKernelsAvx512() { return nullptr; }
}  // namespace agon::policy::cpu
#endif
