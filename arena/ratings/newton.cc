#include "arena/ratings/newton.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "arena/ratings/dense.h"
#include "core/error.h"

namespace agon::arena {
namespace {

constexpr double kLongestStepNats = 5;
constexpr int kMaxSteps = 200;

class Objective {
 public:
  explicit Objective(const Problem& problem)
      : problem_(problem),
        size_(problem.num_parameters()),
        gradient_(size_),
        hessian_(size_ * size_),
        component_size_(static_cast<size_t>(problem.n), 0) {
    for (const int c : problem.component) ++component_size_[static_cast<size_t>(c)];
  }

  // Loss at x; gradient and the Hessian's upper triangle are kept.
  double Evaluate(const std::vector<double>& x);
  const std::vector<double>& gradient() const { return gradient_; }
  std::vector<double>& hessian() { return hessian_; }

  // Strengths that all move together change nothing, so the Hessian has no inverse there.
  // Adds kappa * 1 1^T / m to a component of m; the inverse has 1 1^T / (kappa m) more.
  double FixMeans();
  double kappa() const { return kappa_; }
  double component_size(int i) const {
    return component_size_[static_cast<size_t>(problem_.component[static_cast<size_t>(i)])];
  }

 private:
  void Add(const Row& row, const Derivatives& derivatives);
  double AddPenalties(const std::vector<double>& x);
  double& H(size_t i, size_t j) { return hessian_[i * size_ + j]; }

  const Problem& problem_;
  const size_t size_;
  std::vector<double> gradient_, hessian_;
  std::vector<double> component_size_;
  double kappa_ = 1;
};

double Objective::Evaluate(const std::vector<double>& x) {
  std::fill(gradient_.begin(), gradient_.end(), 0.0);
  std::fill(hessian_.begin(), hessian_.end(), 0.0);
  const double t = problem_.has_tie_parameter() ? x[problem_.tie_index()] : 0;
  double loss = AddPenalties(x);
  for (const Row& row : problem_.rows) {
    double d = x[static_cast<size_t>(row.a)] - x[static_cast<size_t>(row.b)];
    if (problem_.has_style) {
      for (size_t f = 0; f < kNumStyles; ++f) d += x[problem_.style_index() + f] * row.style[f];
    }
    const Derivatives derivatives = CellLoss(row.cell, d, problem_.ties, t);
    loss += derivatives.loss;
    Add(row, derivatives);
  }
  return loss;
}

void Objective::Add(const Row& row, const Derivatives& g) {
  const auto a = static_cast<size_t>(row.a), b = static_cast<size_t>(row.b);
  gradient_[a] += g.d;
  gradient_[b] -= g.d;
  H(a, a) += g.dd;
  H(b, b) += g.dd;
  H(a, b) -= g.dd;
  if (problem_.has_tie_parameter()) {
    const size_t t = problem_.tie_index();
    gradient_[t] += g.t;
    H(a, t) += g.dt;
    H(b, t) -= g.dt;
    H(t, t) += g.tt;
  }
  if (!problem_.has_style) return;
  const size_t first = problem_.style_index();
  for (size_t f = 0; f < kNumStyles; ++f) {
    const double x = row.style[f];
    gradient_[first + f] += g.d * x;
    H(a, first + f) += g.dd * x;
    H(b, first + f) -= g.dd * x;
    if (problem_.has_tie_parameter()) H(problem_.tie_index(), first + f) += g.dt * x;
    for (size_t h = f; h < kNumStyles; ++h) H(first + f, first + h) += g.dd * x * row.style[h];
  }
}

double Objective::AddPenalties(const std::vector<double>& x) {
  double loss = 0;
  const auto penalize = [&](size_t first, size_t count, double precision) {
    for (size_t i = first; i < first + count; ++i) {
      loss += precision / 2 * x[i] * x[i];
      gradient_[i] += precision * x[i];
      H(i, i) += precision;
    }
  };
  if (problem_.prior_sd > 0) {
    penalize(0, static_cast<size_t>(problem_.n), 1 / (problem_.prior_sd * problem_.prior_sd));
  }
  if (problem_.has_style) penalize(problem_.style_index(), kNumStyles, kStylePenalty);
  return loss;
}

double Objective::FixMeans() {
  if (problem_.prior_sd > 0) return kappa_ = 1 / (problem_.prior_sd * problem_.prior_sd);
  double trace = 0;
  const auto n = static_cast<size_t>(problem_.n);
  for (size_t i = 0; i < n; ++i) trace += H(i, i);
  kappa_ = trace > 0 ? trace / problem_.n : 1;
  for (size_t i = 0; i < n; ++i) {
    const double share = kappa_ / component_size(static_cast<int>(i));
    for (size_t j = i; j < n; ++j) {
      if (problem_.component[i] == problem_.component[j]) H(i, j) += share;
    }
  }
  return kappa_;
}

}  // namespace

std::vector<int> LinkedParts(int n, const std::vector<Row>& rows) {
  std::vector<int> part(static_cast<size_t>(n));
  std::iota(part.begin(), part.end(), 0);
  const auto root = [&](int i) {
    while (part[static_cast<size_t>(i)] != i) {
      i = part[static_cast<size_t>(i)] = part[static_cast<size_t>(part[static_cast<size_t>(i)])];
    }
    return i;
  };
  for (const Row& row : rows) {
    const int a = root(row.a), b = root(row.b);
    part[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
  }
  // The smallest member names its part and comes first.
  std::vector<int> number(static_cast<size_t>(n));
  int num_parts = 0;
  for (int i = 0; i < n; ++i) {
    const int r = root(i);
    number[static_cast<size_t>(i)] = r == i ? num_parts++ : number[static_cast<size_t>(r)];
  }
  return number;
}

std::vector<int> StronglyLinkedParts(int n, const std::vector<Row>& rows) {
  const auto size = static_cast<size_t>(n);
  std::vector<std::vector<int>> gains(size), gives(size);  // i has points from j, and back
  for (const Row& row : rows) {
    const auto link = [&](int from, int to) {
      gains[static_cast<size_t>(from)].push_back(to);
      gives[static_cast<size_t>(to)].push_back(from);
    };
    if (row.cell.a_wins > 0 || row.cell.ties > 0) link(row.a, row.b);
    if (row.cell.b_wins > 0 || row.cell.ties > 0) link(row.b, row.a);
  }
  // Kosaraju: finishing order of one graph, then parts of the reversed one.
  std::vector<int> order, part(size, -1);
  std::vector<uint8_t> seen(size, 0);
  std::vector<std::pair<int, size_t>> stack;
  for (int start = 0; start < n; ++start) {
    if (seen[static_cast<size_t>(start)]) continue;
    seen[static_cast<size_t>(start)] = 1;
    stack.emplace_back(start, 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      const std::vector<int>& out = gains[static_cast<size_t>(node)];
      if (next == out.size()) {
        order.push_back(node);
        stack.pop_back();
      } else if (const int to = out[next++]; !seen[static_cast<size_t>(to)]) {
        seen[static_cast<size_t>(to)] = 1;
        stack.emplace_back(to, 0);
      }
    }
  }
  int num_parts = 0;
  for (size_t k = size; k-- > 0;) {
    if (part[static_cast<size_t>(order[k])] >= 0) continue;
    std::vector<int> todo = {order[k]};
    part[static_cast<size_t>(order[k])] = num_parts;
    while (!todo.empty()) {
      const int node = todo.back();
      todo.pop_back();
      for (const int to : gives[static_cast<size_t>(node)]) {
        if (part[static_cast<size_t>(to)] >= 0) continue;
        part[static_cast<size_t>(to)] = num_parts;
        todo.push_back(to);
      }
    }
    ++num_parts;
  }
  return part;
}

// Runs away with strengths v and tie parameter 1 where v_a - v_b >= 1 for every win of a over b
// and |v_a - v_b| <= 1 for every tie: if no circle has more wins than ties. Searched as the
// longest path.
bool TiesHoldAll(int n, const std::vector<Row>& rows) {
  std::vector<double> longest(static_cast<size_t>(n), 0.0);
  for (int round = 0; round <= n; ++round) {
    bool is_longer = false;
    for (const Row& row : rows) {
      const auto raise = [&](int from, int to, double by) {
        const double length = longest[static_cast<size_t>(from)] + by;
        if (length <= longest[static_cast<size_t>(to)]) return;
        longest[static_cast<size_t>(to)] = length;
        is_longer = true;
      };
      const auto link = [&](int a, int b, double wins) {
        if (wins > 0) {
          raise(b, a, 1);
        } else if (row.cell.ties > 0) {
          raise(b, a, -1);
        }
      };
      link(row.a, row.b, row.cell.a_wins);
      link(row.b, row.a, row.cell.b_wins);
    }
    if (!is_longer) return false;
  }
  return true;
}

int Minimize(const Problem& problem, double tolerance, std::vector<double>& x) {
  Objective objective(problem);
  double loss = objective.Evaluate(x);
  for (int step = 1; step <= kMaxSteps; ++step) {
    objective.FixMeans();
    std::vector<double> direction = objective.gradient();
    if (!Factor(objective.hessian(), direction.size())) return step;
    Solve(objective.hessian(), direction.size(), direction);
    double longest = 0;
    for (const double value : direction) longest = std::max(longest, std::abs(value));
    double scale = std::min(1.0, kLongestStepNats / longest);
    const std::vector<double> start = x;
    const auto move = [&] {
      for (size_t i = 0; i < x.size(); ++i) x[i] = start[i] - scale * direction[i];
    };
    move();
    // eta is positive.
    while (problem.ties == TieModel::kRaoKupper && !(x[problem.tie_index()] > 0)) {
      scale /= 2;
      move();
    }
    if (longest < tolerance) return step;
    const double slack = 1e-12 * (1 + std::abs(loss));
    double next = objective.Evaluate(x);
    while (!(next <= loss + slack) && scale > 1e-9) {
      scale /= 2;
      move();
      next = objective.Evaluate(x);
    }
    loss = next;
  }
  return kMaxSteps;
}

std::vector<double> InverseHessian(const Problem& problem, const std::vector<double>& x) {
  Objective objective(problem);
  objective.Evaluate(x);
  const double kappa = objective.FixMeans();
  const size_t size = problem.num_parameters();
  AGON_CHECK(Factor(objective.hessian(), size));
  std::vector<double> inverse = Inverse(objective.hessian(), size);
  const auto n = static_cast<size_t>(problem.n);
  for (size_t i = 0; i < n; ++i) {
    const double share = 1 / (kappa * objective.component_size(static_cast<int>(i)));
    for (size_t j = 0; j < n; ++j) {
      if (problem.component[i] == problem.component[j]) inverse[i * size + j] -= share;
    }
  }
  return inverse;
}

}  // namespace agon::arena
