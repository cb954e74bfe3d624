#include "arena/tournament.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "arena/command.h"
#include "arena/ratings.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/file.h"
#include "serve/completer.h"

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
    for (const Model& model : models_) eligible_.push_back(IsEligible(model));
    const auto count = std::count(eligible_.begin(), eligible_.end(), uint8_t{1});
    if (count < 2) {
      std::string what = "a tournament needs two models, there are " + std::to_string(count);
      for (const std::string& why : result_.left_out) what += "; left out " + why;
      throw Error(ErrorKind::kUsage, what, "", "add some with: rl-arena add");
    }
  }

  TournamentResult Run(const PlayContest& play,
                       const std::function<void(const TournamentProgress&)>& on_progress) {
    while (true) {
      const std::optional<NextPair> next = Next();
      if (result_.num_matches >= options_.max_matches ||
          result_.largest_error <= options_.enough_error) {
        return std::move(result_);
      }
      if (!next) {
        throw Error(ErrorKind::kFailed, "no pair of models is left that could be decided: " + why_,
                    options_.subject);
      }
      const Model& a = models_[static_cast<size_t>(next->a)];
      const Model& b = models_[static_cast<size_t>(next->b)];
      on_progress({result_.num_matches, options_.max_matches, a.name + " against " + b.name});
      Tried& tried = tried_[{next->a, next->b}];
      const std::vector<uint64_t> tasks = NextTasks(a.name, b.name, tried.tasks);
      const ContestOutcome outcome = play(a, b, tasks);
      const int64_t num_new = arena_.AddMatches(outcome.matches);
      if (!outcome.silent.empty()) LeaveOut(outcome);
      result_.num_matches += num_new;
      tried.empty_in_a_row = num_new > 0 ? 0 : tried.empty_in_a_row + 1;
      tried.tasks.insert(tasks.begin(), tasks.end());
      if (num_new > 0) continue;
      why_ = "none of " + std::to_string(tried.empty_in_a_row * tasks.size()) +
             " tasks was, between " + a.name + " and " + b.name;
    }
  }

 private:
  // Of a pair.
  struct Tried {
    size_t empty_in_a_row = 0;  // contests that decided nothing
    std::set<uint64_t> tasks;   // decided or not, none is tried again
  };

  bool IsEligible(const Model& model) {
    const auto& named = options_.models;
    const bool is_named = std::find(named.begin(), named.end(), model.name) != named.end();
    if (!is_named && (!named.empty() || model.retired_ms)) return false;
    const std::string why = options_.why_not ? options_.why_not(model) : "";
    if (why.empty()) return true;
    if (is_named) throw Error(ErrorKind::kUsage, "it can't play: " + why, "model " + model.name);
    result_.left_out.push_back(model.name + ": " + why);
    return false;
  }

  void LeaveOut(const ContestOutcome& outcome) {
    for (size_t i = 0; i < models_.size(); ++i) {
      if (models_[i].name != outcome.silent) continue;
      eligible_[i] = 0;
      result_.left_out.push_back(outcome.silent + ": it answered nothing: " + outcome.why);
    }
    if (std::count(eligible_.begin(), eligible_.end(), uint8_t{1}) > 1) return;
    throw Error(ErrorKind::kFailed, "nobody is left to meet; left out " + result_.left_out.back(),
                options_.subject, "see to the endpoint, then give the command again");
  }

  // The pair that gains most, if one is left; sets the largest error so far.
  std::optional<NextPair> Next() {
    const Comparisons all =
        arena_.Compare({.decider = options_.decider, .subject = options_.subject});
    const auto n = static_cast<int>(models_.size());
    const Fit fit = FitBradleyTerry(n, CountPairs(all.comparisons), {.prior_sd = kBoardPriorSd});
    result_.largest_error = 0;
    std::optional<NextPair> next;
    for (const NextPair& pair : MostInformativePairs(fit, eligible_, n * n)) {
      const bool is_linked =
          fit.component[static_cast<size_t>(pair.a)] == fit.component[static_cast<size_t>(pair.b)];
      const double error = is_linked ? DifferenceError(fit.covariance, n, pair.a, pair.b)
                                     : std::numeric_limits<double>::infinity();
      result_.largest_error = std::max(result_.largest_error, error * kPointsPerNat);
      if (!next && tried_[{pair.a, pair.b}].empty_in_a_row < kMaxEmptyContests) next = pair;
    }
    return next;
  }

  // The first tasks on which the two haven't met. The same for all pairs as far as possible.
  std::vector<uint64_t> NextTasks(const std::string& a, const std::string& b,
                                  const std::set<uint64_t>& tried) {
    std::set<uint64_t> met = tried;
    for (const Match& match :
         arena_.LatestMatches(options_.decider, a, std::numeric_limits<int>::max())) {
      const bool is_theirs = match.model_a == b || match.model_b == b;
      if (!is_theirs || match.subject != options_.subject) continue;
      if (const auto index = TaskIndex(match.task, options_.tasks)) met.insert(*index);
    }
    std::vector<uint64_t> tasks;
    const int64_t room = options_.max_matches - result_.num_matches;
    const int64_t num_left = options_.decider == "game" ? (room + 1) / 2 : room;
    const auto count = static_cast<size_t>(std::min<int64_t>(options_.tasks_per_contest, num_left));
    for (uint64_t index = 0; tasks.size() < count; ++index) {
      if (!met.contains(index)) tasks.push_back(index);
    }
    return tasks;
  }

  Arena& arena_;
  const TournamentOptions& options_;
  std::vector<Model> models_;
  std::vector<uint8_t> eligible_;
  std::map<std::pair<int, int>, Tried> tried_;
  std::string why_;  // the last pair decided nothing
  TournamentResult result_;
};

}  // namespace

std::optional<uint64_t> TaskIndex(const std::string& task, const std::string& tasks) {
  if (!task.starts_with(tasks + "/")) return std::nullopt;
  uint64_t index = 0;
  const char* const end = task.data() + task.size();
  const auto [rest, error] = std::from_chars(task.data() + tasks.size() + 1, end, index);
  if (error != std::errc() || rest != end) return std::nullopt;
  return index;
}

std::string WhyNotHere(const Model& model) {
  if (model.location.empty()) return "where it is isn't known";
  if (serve::IsEndpoint(model.location)) return "";  // what is behind it can't be known
  const fs::path weights = fs::path(model.location) / "model.safetensors";
  if (!fs::exists(weights)) return "no " + weights.string();
  if (Sha256OfFile(weights) == model.weights) return "";
  return "other weights are in " + model.location + " than those that were entered";
}

TournamentResult RunTournament(Arena& arena, const TournamentOptions& options,
                               const PlayContest& play,
                               const std::function<void(const TournamentProgress&)>& on_progress) {
  return Tournament(arena, options).Run(play, on_progress);
}

}  // namespace agon::arena
