// Speed of the arena: a Bradley-Terry fit, its bootstrap, and durable votes.
//
//   arena_bench [--pairs FILE] [--samples 1000] [--votes 4000] [--batch 256]
//
// FILE is {"models": [...], "X": [[a, b], ...], "Y": [[a wins, b wins, ties, both bad], ...]},
// as suquark/leaderbot publishes Chatbot Arena's votes; without it, as many made-up pairs. Prints
// one JSON object.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "arena/arena.h"
#include "arena/ratings.h"
#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"

namespace {

using namespace agon;

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(int runs, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) seconds.push_back(Seconds(work));
  std::nth_element(seconds.begin(), seconds.begin() + runs / 2, seconds.end());
  return seconds[static_cast<size_t>(runs / 2)];
}

struct Pairs {
  int num_models = 129;
  std::vector<arena::PairCount> counts;
};

Pairs Read(const std::string& file) {
  const Json json = ReadJson(file);
  Pairs pairs;
  pairs.num_models = static_cast<int>(json.at("models").size());
  for (size_t i = 0; i < json.at("X").size(); ++i) {
    const auto x = json["X"][i].get<std::vector<int>>();
    const auto y = json["Y"][i].get<std::vector<double>>();
    pairs.counts.push_back({x.at(0), x.at(1), y.at(0), y.at(1), y.at(2) + y.at(3)});
  }
  return pairs;
}

Pairs MakeUp() {
  Pairs pairs;
  Rng rng({.run_seed = 1});
  for (int a = 0; a < pairs.num_models; ++a) {
    for (int b = a + 1; b < pairs.num_models; ++b) {
      if (rng.Uniform() > 0.42) continue;
      const auto count = [&] { return static_cast<double>(1 + rng.Below(300)); };
      pairs.counts.push_back({a, b, count(), count(), count()});
    }
  }
  return pairs;
}

// Votes a second, each batch committed durably.
double VotesPerSecond(int num_votes, int batch) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("arena_bench_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  double seconds = 0;
  {
    arena::Arena arena(folder / "arena.db");
    for (int i = 0; i < 8; ++i) arena.AddModel({.name = "model " + std::to_string(i)});
    const int num_battles = 2000;  // minting them isn't measured
    std::vector<arena::Ballot> ballots;
    for (int done = 0; done < num_votes; done += num_battles) {
      ballots.clear();
      for (int i = 0; i < num_battles; ++i) {
        const arena::Battle battle = arena.NewBattle("A question?", "", "voter");
        arena.AddReply(battle.id, {.side = 0, .text = "An answer."});
        arena.AddReply(battle.id, {.side = 1, .text = "Another answer."});
        ballots.push_back({.battle = battle.id, .token = battle.token, .session = "voter"});
      }
      seconds += Seconds([&] {
        for (size_t first = 0; first < ballots.size(); first += static_cast<size_t>(batch)) {
          const size_t count = std::min(static_cast<size_t>(batch), ballots.size() - first);
          arena.CastVotes(std::span(ballots).subspan(first, count));
        }
      });
    }
  }
  std::filesystem::remove_all(folder);
  return num_votes / seconds;
}

int Run(int argc, char** argv) {
  CLI::App app("Speed of the arena.");
  std::string file;
  int num_samples = 1000, num_votes = 4000, batch = 256;
  app.add_option("--pairs", file, "Votes by pair of models, JSON");
  app.add_option("--samples", num_samples, "Of the bootstrap");
  app.add_option("--votes", num_votes, "To cast, in rounds of 2000");
  app.add_option("--batch", batch, "Votes a commit");
  CLI11_PARSE(app, argc, argv);
  const Pairs pairs = file.empty() ? MakeUp() : Read(file);
  Json result = {{"models", pairs.num_models}, {"pairs", pairs.counts.size()}};
  const std::pair<const char*, arena::TieModel> models[] = {
      {"half_win", arena::TieModel::kHalfWin},
      {"rao_kupper", arena::TieModel::kRaoKupper},
      {"davidson", arena::TieModel::kDavidson}};
  for (const auto& [name, ties] : models) {
    arena::Fit fit;
    const double fit_s = Median(
        9, [&] { fit = arena::FitBradleyTerry(pairs.num_models, pairs.counts, {.ties = ties}); });
    const double bootstrap_s =
        Seconds([&] { arena::BootstrapStrengths(fit, pairs.counts, num_samples, 42); });
    result[name] = {{"fit_ms", 1e3 * fit_s},
                    {"newton_steps", fit.num_iterations},
                    {"bootstrap_s", bootstrap_s},
                    {"samples", num_samples}};
  }
  result["votes_per_s"] = VotesPerSecond(num_votes, batch);
  result["votes_per_commit"] = batch;
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return agon::RunMain(Run, argc, argv); }
