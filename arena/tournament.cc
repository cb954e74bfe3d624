#include "arena/tournament.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "arena/ratings.h"
#include "core/error.h"

namespace agon::arena {
namespace {

class Tournament {
 public:
  Tournament(Arena& arena, const TournamentOptions& options) : arena_(arena), options_(options) {
    models_ = arena.Models();
    for (const std::string& name : options.models) {
      if (!arena.FindModel(name)) {
        throw Error(ErrorKind::kUsage, "no model is called \"" + name + "\"", "",
                    "see them with: rl-arena leaderboard, or add it with: rl-arena add");
      }
    }
    for (const Model& model : models_) {
      const auto& named = options.models;
      const bool is_named = std::find(named.begin(), named.end(), model.name) != named.end();
      eligible_.push_back(named.empty() ? !model.retired_ms && !model.location.empty() : is_named);
    }
    const auto count = std::count(eligible_.begin(), eligible_.end(), uint8_t{1});
    if (count < 2) {
      throw Error(ErrorKind::kUsage,
                  "a tournament needs two models, there are " + std::to_string(count), "",
                  "add some with: rl-arena add");
    }
  }

  TournamentResult Run(const PlayContest& play,
                       const std::function<void(const TournamentProgress&)>& on_progress) {
    TournamentResult result;
    while (true) {
      const NextPair next = Next(result);
      if (result.num_matches >= options_.max_matches ||
          result.largest_error <= options_.enough_error) {
        return result;
      }
      const Model& a = models_[static_cast<size_t>(next.a)];
      const Model& b = models_[static_cast<size_t>(next.b)];
      on_progress({result.num_matches, options_.max_matches, a.name + " against " + b.name});
      const std::vector<uint64_t> tasks =
          NextTasks(a.name, b.name, options_.max_matches - result.num_matches);
      const int64_t num_new = arena_.AddMatches(play(a, b, tasks));
      if (num_new == 0) {
        throw Error(ErrorKind::kFailed,
                    "none of " + std::to_string(tasks.size()) + " tasks could be decided between " +
                        a.name + " and " + b.name,
                    options_.subject);
      }
      result.num_matches += num_new;
    }
  }

 private:
  // The pair that gains most; sets the largest error so far.
  NextPair Next(TournamentResult& result) {
    const Comparisons all =
        arena_.Compare({.decider = options_.decider, .subject = options_.subject});
    const auto n = static_cast<int>(models_.size());
    const Fit fit = FitBradleyTerry(n, CountPairs(all.comparisons), {.prior_sd = kBoardPriorSd});
    result.largest_error = 0;
    const auto pairs = MostInformativePairs(fit, eligible_, n * n);
    for (const NextPair& pair : pairs) {
      const bool is_linked =
          fit.component[static_cast<size_t>(pair.a)] == fit.component[static_cast<size_t>(pair.b)];
      const double error = is_linked ? DifferenceError(fit.covariance, n, pair.a, pair.b)
                                     : std::numeric_limits<double>::infinity();
      result.largest_error = std::max(result.largest_error, error * kPointsPerNat);
    }
    return pairs.at(0);
  }

  // The first tasks on which the two haven't met. The same for all pairs as far as possible.
  std::vector<uint64_t> NextTasks(const std::string& a, const std::string& b, int64_t room) {
    std::set<uint64_t> met;
    for (const Match& match :
         arena_.LatestMatches(options_.decider, a, std::numeric_limits<int>::max())) {
      const bool is_theirs = match.model_a == b || match.model_b == b;
      if (!is_theirs || match.subject != options_.subject) continue;
      if (const auto index = TaskIndex(match.task)) met.insert(*index);
    }
    std::vector<uint64_t> tasks;
    const auto count = static_cast<size_t>(std::min<int64_t>(options_.tasks_per_contest, room));
    for (uint64_t index = 0; tasks.size() < count; ++index) {
      if (!met.contains(index)) tasks.push_back(index);
    }
    return tasks;
  }

  Arena& arena_;
  const TournamentOptions& options_;
  std::vector<Model> models_;
  std::vector<uint8_t> eligible_;
};

}  // namespace

std::optional<uint64_t> TaskIndex(const std::string& task) {
  const size_t slash = task.rfind('/');
  if (slash == std::string::npos) return std::nullopt;
  uint64_t index = 0;
  const char* const end = task.data() + task.size();
  const auto [rest, error] = std::from_chars(task.data() + slash + 1, end, index);
  if (error != std::errc() || rest != end) return std::nullopt;
  return index;
}

TournamentResult RunTournament(Arena& arena, const TournamentOptions& options,
                               const PlayContest& play,
                               const std::function<void(const TournamentProgress&)>& on_progress) {
  return Tournament(arena, options).Run(play, on_progress);
}

}  // namespace agon::arena
