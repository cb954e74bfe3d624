#include "trainer/overoptimisation.h"

#include <cmath>

#include "core/error.h"

namespace agon::trainer {
namespace {

// What beta is multiplied by, with the sign turned.
double Bend(OveroptimisationLaw law, double d) {
  return law == OveroptimisationLaw::kBestOfN ? d * d : d > 0 ? d * std::log(d) : 0.0;
}

bool Counts(const GoldPoint& point) {
  return std::isfinite(point.distance) && std::isfinite(point.gain) && point.distance > 0;
}

}  // namespace

double BestOfNKl(int n) {
  AGON_CHECK(n >= 1, "best of at least one");
  return std::log(static_cast<double>(n)) - (n - 1.0) / n;
}

double OveroptimisationFit::At(double distance) const {
  return alpha * distance - beta * Bend(law, distance);
}

std::optional<double> OveroptimisationFit::Peak() const {
  if (!(beta > 0)) return std::nullopt;
  const double peak =
      law == OveroptimisationLaw::kBestOfN ? alpha / (2.0 * beta) : std::exp(alpha / beta - 1.0);
  if (!(peak > 0) || !std::isfinite(peak)) return std::nullopt;
  return peak;
}

std::optional<OveroptimisationFit> FitOveroptimisation(std::span<const GoldPoint> points,
                                                       OveroptimisationLaw law) {
  // Normal equations of gain = alpha x - beta y.
  double xx = 0, xy = 0, yy = 0, xg = 0, yg = 0;
  int count = 0;
  for (const GoldPoint& point : points) {
    if (!Counts(point)) continue;
    const double x = point.distance, y = Bend(law, x);
    xx += x * x;
    xy += x * y;
    yy += y * y;
    xg += x * point.gain;
    yg += y * point.gain;
    ++count;
  }
  const double determinant = xx * yy - xy * xy;
  if (count < 3 || !(determinant > 1e-9 * xx * yy)) return std::nullopt;
  return OveroptimisationFit{law, (xg * yy - yg * xy) / determinant,
                             (xg * xy - yg * xx) / determinant};
}

}  // namespace agon::trainer
