// Quantiles and tails of the distributions that intervals and p-values are made of. Pure and
// thread-safe.
#pragma once

namespace agon {

// x with P(X <= x) = p for a standard normal X. REQUIRES: 0 < p < 1.
double NormalQuantile(double p);

// P(T > t) of Student's t; precise in the far tail. REQUIRES: t >= 0, degrees_of_freedom > 0.
double StudentTail(double t, double degrees_of_freedom);

// The quantile of Student's t. REQUIRES: 0 < p < 1, degrees_of_freedom > 0.
double StudentQuantile(double p, double degrees_of_freedom);

}  // namespace agon
