// Muon's step direction. Private to policy.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <utility>

#include "policy/backend.h"

namespace agon::policy {

class Orthogonaliser {
 public:
  explicit Orthogonaliser(Backend& backend)
      : backend_(backend), memory_(backend.NewMemory("optimizer scratch")) {}

  // Takes all that matrices of these shapes need.
  void Reserve(std::span<const std::pair<int, int>> shapes);
  // Replaces `matrix` (rows, cols; multiples of 32), the backend's, by an approximation of the
  // nearest semi-orthogonal matrix: five Newton-Schulz steps with the quintic of Jordan et al.
  // 2024, (a, b, c) = (3.4445, -4.7750, 2.0315), which brings the singular values into about
  // [0.7, 1.2]. Products run in the backend's compute type.
  void Run(int rows, int cols, float* matrix);

 private:
  using ByShape = std::map<std::pair<int, int>, std::unique_ptr<PackedLinear>>;

  static size_t ScratchBytes(int rows, int cols);
  PackedLinear& Packed(ByShape& cache, int out, int in);

  Backend& backend_;
  ByShape matrices_, grams_;  // reused; apart, for a square matrix has its gram's shape
  std::unique_ptr<DeviceMemory> memory_;
};

}  // namespace agon::policy
