// Ratings that move after every result. They depend on the order of results, so they are a
// live trace and never the ranking. Pure functions.
#pragma once

#include <span>
#include <vector>

#include "arena/ratings.h"

namespace agon::arena {

// What a gains and b loses: k * (score - expected), score 1, 1/2 or 0 of a.
double EloGain(double rating_a, double rating_b, double score_a, double k);

// Points of a for an outcome: 1, 1/2 or 0.
double ScoreOfA(Outcome outcome);

// Elo ratings (n) after all comparisons in order, from 1000, base 10, scale 400. FastChat uses
// k = 4, evalica 30. Weights are ignored.
std::vector<double> OnlineElo(int n, std::span<const Comparison> comparisons, double k);

// A skill as a normal belief. Source: Weng & Lin, "A Bayesian Approximation Method for Online
// Ranking", JMLR 2011, algorithm 4 (Plackett-Luce), with OpenSkill's defaults.
struct Skill {
  double mu = 25, sigma = 25.0 / 3;
};
inline constexpr double kSkillBeta = 25.0 / 6;   // how much a performance varies
inline constexpr double kSkillTau = 25.0 / 300;  // how much a skill drifts from match to match

// Updates the players of all teams after one match; ranks[i] of teams[i], 1 is first, equal
// ranks are a draw. REQUIRES: equal sizes, no team empty.
void UpdateSkills(std::span<std::vector<Skill>> teams, std::span<const int> ranks);

}  // namespace agon::arena
