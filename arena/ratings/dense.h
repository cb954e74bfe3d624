// Symmetric positive definite systems of a few hundred unknowns, row-major. Private to arena.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace agon::arena {

// Overwrites the upper triangle of `a` (n, n) with U, A = U^T U; the rest is left alone.
// Returns whether A was positive definite.
bool Factor(std::span<double> a, size_t n);

// x <- A^-1 x by the factor U.
void Solve(std::span<const double> factor, size_t n, std::span<double> x);

// A^-1 (n, n) by the factor U.
std::vector<double> Inverse(std::span<const double> factor, size_t n);

// a * b, all (n, n).
std::vector<double> Multiply(std::span<const double> a, std::span<const double> b, size_t n);

}  // namespace agon::arena
