// rl-arena: models against each other, and ratings that can be trusted.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "apps/arena_serve.h"
#include "apps/command_line.h"
#include "apps/contests.h"
#include "arena/command.h"
#include "arena/gate.h"
#include "arena/tournament.h"
#include "core/error.h"
#include "envs/env.h"

namespace agon {
namespace {

struct Options {
  std::string db = "arena.db", file, head, name, why, ties = "half";
  bool json = false;
  arena::AddCommand add;
  arena::LeaderboardOptions board;
  arena::ExportCommand exporting;
  std::string env, split = "test", device = "cpu", judge, candidate, incumbent;
  arena::GateOptions gate;
  arena::TournamentOptions tournament;
  judge::ContestOptions contest;
  int reply_seconds = judge::kReplyMs / 1000;
  ArenaServeOptions serve;
};

arena::Arena Open(const Options& options, bool must_exist) {
  arena::ArenaOptions arena_options;
  arena_options.must_exist = must_exist;
  return arena::Arena(options.db, arena_options);
}

// What decides a leaderboard.
void AddBoardOptions(CLI::App* app, Options& options) {
  app->add_option("--source", options.board.filter.decider, "Only these verdicts (all)")
      ->check(CLI::IsMember({"vote", "game", "grader", "judge"}));
  app->add_option("--subject", options.board.filter.subject, "Only matches on this environment");
  app->add_option("--stage", options.board.filter.stage, "Only models of this stage");
  app->add_option("--category", options.board.filter.category, "Only votes on such prompts");
  app->add_option("--ties", options.ties, "half (win), rao-kupper or davidson")
      ->check(CLI::IsMember({"half", "rao-kupper", "davidson"}))
      ->capture_default_str();
  CLI::Option* style = app->add_flag("--style", options.board.has_style_control,
                                     "Ratings at equal length, headers, lists and bold");
  app->add_option("--bootstrap", options.board.num_bootstraps,
                  "Intervals from so many resamples instead of the robust covariance")
      ->check(CLI::Range(10, 1000000))
      ->excludes(style);
  app->add_option("--seed", options.board.seed, "Of the resamples")->capture_default_str();
  app->add_option("--min", options.board.min_comparisons, "Leave out models with fewer verdicts");
  app->add_option("--outliers", options.board.outlier_alpha,
                  "Chance at which an honest voter is set aside; 0: never")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  app->add_flag("--json", options.json, "Write JSON");
}

const arena::LeaderboardOptions& Board(Options& options) {
  options.board.ties = options.ties == "half"         ? arena::TieModel::kHalfWin
                       : options.ties == "rao-kupper" ? arena::TieModel::kRaoKupper
                                                      : arena::TieModel::kDavidson;
  return options.board;
}

void AddModels(CLI::App& app, Options& options) {
  CLI::App* add = app.add_subcommand("add", "Enter checkpoints: hash of the weights, lineage");
  add->add_option("CHECKPOINT", options.add.checkpoints,
                  "Model directories, each trained from the one before it, or http://HOST/v1#MODEL")
      ->required();
  add->add_option("--name", options.add.name, "Its name (RUN/<stage>-<step>)");
  add->add_option("--parent", options.add.parent, "Name of the model it was trained from");
  add->add_option("--stage", options.add.stage, "What made it");
  add->add_flag("--private", options.add.is_private, "Mark it on every leaderboard");
  add->callback([&] {
    arena::Arena arena = Open(options, false);
    RunAdd(arena, options.add, std::cout);
  });
  CLI::App* retire = app.add_subcommand("retire", "Draw a model no more; nothing is deleted");
  retire->add_option("NAME", options.name, "The model")->required();
  retire->add_option("--why", options.why, "Shown beside it");
  retire->callback([&] { Open(options, true).RetireModel(options.name, options.why); });
}

void AddRatings(CLI::App& app, Options& options) {
  CLI::App* board = app.add_subcommand("leaderboard", "Ratings with intervals");
  AddBoardOptions(board, options);
  board->callback([&] {
    arena::Arena arena = Open(options, true);
    RunLeaderboard(arena, Board(options), options.json, std::cout);
  });
  CLI::App* rate = app.add_subcommand("rate", "The same of a file of votes, without an arena");
  rate->add_option("FILE", options.file, "An export, or votes in FastChat's formats")->required();
  AddBoardOptions(rate, options);
  rate->callback([&] { arena::RunRate(options.file, Board(options), options.json, std::cout); });
}

void AddExchange(CLI::App& app, Options& options) {
  CLI::App* verify =
      app.add_subcommand("verify", "Check the log's hashes, and every table against the log");
  verify->add_option("--head", options.head, "A hash noted earlier that must be in the log");
  verify->callback([&] { arena::RunVerify(options.db, options.head, std::cout); });
  CLI::App* exporting = app.add_subcommand("export", "Write JSON lines to stdout");
  exporting
      ->add_option("--format", options.exporting.format,
                   "arena (the whole log), fastchat (votes) or preferences (pairs of replies, for "
                   "reward_model.data)")
      ->check(CLI::IsMember({"arena", "fastchat", "preferences"}))
      ->capture_default_str();
  exporting
      ->add_option("--source", options.exporting.preferences.source,
                   "Whose preferences: vote, judge or grader")
      ->check(CLI::IsMember({"vote", "judge", "grader"}))
      ->capture_default_str();
  exporting
      ->add_option("--outliers", options.exporting.preferences.outlier_alpha,
                   "Of preferences: chance at which an honest voter is left out; 0: never")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  exporting->callback([&] {
    arena::Arena arena = Open(options, true);
    RunExport(arena, options.exporting, std::cout, std::cerr);
  });
  CLI::App* importing = app.add_subcommand("import", "Read JSON lines; what is known is skipped");
  importing->add_option("FILE", options.file, "An export, or votes in FastChat's formats")
      ->required();
  importing->callback([&] {
    arena::Arena arena = Open(options, false);
    RunImport(arena, options.file, std::cout);
  });
}

Contests MakeContests(Options& options) {
  options.contest.split = options.split == "val" ? envs::Split::kVal : envs::Split::kTest;
  return Contests(options.env, options.judge, options.contest, policy::ParseDevice(options.device),
                  options.reply_seconds * 1000);
}

void RunMatch(Options& options) {
  Contests contests = MakeContests(options);
  options.board.filter = contests.filter();
  arena::Arena arena = Open(options, true);
  contests.RunTournament(arena, options.tournament);
  RunLeaderboard(arena, options.board, options.json, std::cout);
}

void RunGateCommand(Options& options) {
  const arena::GateResult result =
      MakeContests(options).RunGate(options.gate, options.candidate, options.incumbent);
  std::cout << arena::GateText(result, options.gate) << "\n";
  if (result.test.decision != arena::SprtDecision::kPromoted) {
    throw Error(ErrorKind::kFailed, "not promoted", options.candidate);
  }
}

void AddContestOptions(CLI::App* app, Options& options) {
  app->add_option("--env", options.env,
                  "Environment, e.g. math/shop or \"game/connect4(opponent=self)\"")
      ->required();
  app->add_option("--judge", options.judge, "Decides instead of the environment's grader");
  app->add_option("--split", options.split, "val or test")
      ->check(CLI::IsMember({"val", "test"}))
      ->capture_default_str();
  app->add_option("--seed", options.contest.seed, "Of tasks and sampling")->capture_default_str();
  AddDevice(*app, options.device);
  app->add_option("--temperature", options.contest.temperature, "0 is greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app->add_option("--max-tokens", options.contest.max_new_tokens, "Longest response in tokens")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
}

void AddGate(CLI::App& app, Options& options) {
  CLI::App* gate = app.add_subcommand(
      "gate", "Is a new checkpoint stronger? Plays until sure; status 0 if it is, else 1");
  gate->add_option("NEW", options.candidate, "Model directory")->required();
  gate->add_option("OLD", options.incumbent, "Model directory to be replaced")->required();
  AddContestOptions(gate, options);
  gate->add_option("--elo0", options.gate.sprt.elo0, "Rejected if no better than this")
      ->check(CLI::Range(-arena::kMaxGateElo, arena::kMaxGateElo))
      ->capture_default_str();
  gate->add_option("--elo1", options.gate.sprt.elo1, "Promoted if at least this much better")
      ->check(CLI::Range(-arena::kMaxGateElo, arena::kMaxGateElo))
      ->capture_default_str();
  gate->add_option("--alpha", options.gate.sprt.alpha, "Chance of promoting one at --elo0")
      ->check(CLI::Range(1e-9, 0.499))
      ->capture_default_str();
  gate->add_option("--beta", options.gate.sprt.beta, "Chance of rejecting one at --elo1")
      ->check(CLI::Range(1e-9, 0.499))
      ->capture_default_str();
  gate->add_option("--max-tasks", options.gate.max_tasks, "Give up after so many")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  gate->callback([&] { RunGateCommand(options); });
}

void AddMatch(CLI::App& app, Options& options) {
  CLI::App* match = app.add_subcommand(
      "match", "Let models play a game, or answer the same held-out tasks; goes on where it was");
  AddContestOptions(match, options);
  match->add_option("--model", options.tournament.models, "Names (all active checkpoints)");
  match->add_option("--matches", options.tournament.max_matches, "New ones, at most")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  match->add_option("--tasks", options.tournament.tasks_per_contest, "Tasks before the next pair")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  match
      ->add_option("--error", options.tournament.enough_error,
                   "Enough when all differences are known to this standard error, in points")
      ->check(CLI::Range(0.0, 10000.0));
  match
      ->add_option("--reply-seconds", options.reply_seconds,
                   "An endpoint's reply that takes longer fails, after a second try; one that "
                   "answers no task of a contest is left out")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  match->add_flag("--json", options.json, "Write the leaderboard as JSON");
  match->callback([&] { RunMatch(options); });
}

int Run(int argc, char** argv) {
  CLI::App app("Which model is better: votes and matches in one file, with honest ratings.");
  app.footer(
      "Examples:\n"
      "  rl-arena serve --model runs/a/checkpoints/sft-000300 --model "
      "runs/a/checkpoints/rl-000100\n"
      "  rl-arena add runs/quickstart/checkpoints/sft-* runs/quickstart/checkpoints/rl-*\n"
      "  rl-arena add http://127.0.0.1:8000/v1#nano\n"
      "  rl-arena match --env math/shop --matches 400\n"
      "  rl-arena match --env \"game/connect4(opponent=self)\" --error 30\n"
      "  rl-arena gate runs/b/checkpoints/rl-000100 runs/a/checkpoints/rl-000100 --env math/shop\n"
      "  rl-arena leaderboard --ties davidson\n"
      "  rl-arena verify --head 5f0c...\n"
      "  rl-arena export > arena.jsonl && rl-arena import arena.jsonl --db copy.db\n"
      "  rl-arena export --format preferences > votes.jsonl\n"
      "  rl-arena rate chatbot_arena_battles.jsonl --bootstrap 1000");
  app.require_subcommand(1);
  app.fallthrough();
  Options options;
  app.add_option("--db", options.db, "The arena's file")->capture_default_str();
  AddPlugins(app);
  AddArenaServe(app, options.db, options.serve);
  AddModels(app, options);
  AddRatings(app, options);
  AddMatch(app, options);
  AddGate(app, options);
  AddExchange(app, options);
  return ParseFlags(app, argc, argv).value_or(0);
}

}  // namespace
}  // namespace agon

int main(int argc, char** argv) { return agon::RunMain(agon::Run, argc, argv); }
