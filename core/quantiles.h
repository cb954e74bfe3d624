// Quantiles of the distributions that intervals are made of. Pure and thread-safe.
#pragma once

namespace agon {

// x with P(X <= x) = p for a standard normal X. REQUIRES: 0 < p < 1.
double NormalQuantile(double p);

// The same for Student's t. REQUIRES: 0 < p < 1, degrees_of_freedom > 0.
double StudentQuantile(double p, double degrees_of_freedom);

}  // namespace agon
