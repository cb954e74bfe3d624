#include "arena/preferences.h"

#include <gtest/gtest.h>

#include <sstream>
#include <tuple>

#include "arena/command.h"
#include "core/json.h"
#include "datasets/preferences.h"
#include "tests/arena/arena_file.h"
#include "tests/error_of.h"

namespace agon::arena {
namespace {

// What stage reward-model reads of an export, and what became of the rest.
struct PairsOut {
  std::vector<Json> lines;
  std::vector<datasets::Preference> preferences;
  PreferenceCounts counts;

  int64_t LeftOut(const std::string& why) const {
    for (const auto& [name, count] : counts.left_out) {
      if (Contains(name, why)) return count;
    }
    return 0;
  }
};

class ArenaPreferencesTest : public ArenaTest {
 protected:
  static PairsOut ExportOf(Arena& arena, const PreferenceOptions& options = {}) {
    std::stringstream out;
    PairsOut exported;
    exported.counts = ExportPreferences(arena, options, out);
    for (std::string line; std::getline(out, line);) {
      exported.lines.push_back(ParseJson(line, "line"));
      exported.preferences.push_back(datasets::ParsePreference(line, "line"));
    }
    EXPECT_EQ(exported.counts.num_pairs, static_cast<int64_t>(exported.lines.size()));
    return exported;
  }

  struct Said {
    std::string a = "Four.", b = "Five.";
    std::string finish_b = "stop";
  };
  // A battle of as many turns as `said`, with its vote.
  static void Fight(Arena& arena, const std::vector<Said>& said, Outcome choice,
                    std::optional<int64_t> dwell_ms = 5000, const std::string& session = "s",
                    const std::string& prompt = "Two and two?") {
    const Battle battle = arena.NewBattle(prompt, "", session);
    for (int turn = 0; turn < static_cast<int>(said.size()); ++turn) {
      const Said& one = said[static_cast<size_t>(turn)];
      if (turn > 0) arena.AddTurn(battle.id, turn, "And then?");
      arena.AddReply(battle.id, {.side = 0, .turn = turn, .text = one.a});
      arena.AddReply(battle.id, {.side = 1, .turn = turn, .text = one.b, .finish = one.finish_b});
    }
    Ballot ballot = BallotFor(battle, choice, session);
    ballot.dwell_ms = dwell_ms;
    EXPECT_EQ(arena.CastVotes({&ballot, 1})[0].status, VoteStatus::kCounted);
  }
};

TEST_F(ArenaPreferencesTest, AVoteIsAPair) {
  Arena arena = OpenWith(2);
  Fight(arena, {Said{}}, Outcome::kWinA);
  Fight(arena, {Said{}}, Outcome::kWinB);
  Fight(arena, {Said{}}, Outcome::kWinA, std::nullopt, "s", "Other");
  const PairsOut exported = ExportOf(arena);
  ASSERT_EQ(exported.preferences.size(), 3u);
  EXPECT_EQ(exported.counts.num_prompts, 2);
  EXPECT_TRUE(exported.counts.left_out.empty());
  const auto& [first, second, third] =
      std::tie(exported.preferences[0], exported.preferences[1], exported.preferences[2]);
  EXPECT_EQ(first.prompt, (Messages{{Role::kUser, "Two and two?"}}));
  EXPECT_EQ(first.completions, (std::vector<std::string>{"Four.", "Five."}));
  EXPECT_EQ(second.completions, (std::vector<std::string>{"Five.", "Four."}));
  EXPECT_EQ(third.weight, 1);
  // Who spoke, so that pairs can be picked; nothing that tells who voted.
  const BattleRecord battle = arena.LatestBattles("", 1)[0];
  const Json& line = exported.lines[2];
  EXPECT_EQ(line["id"], battle.battle.id);
  EXPECT_EQ(line["chosen_model"], battle.battle.model_a);
  EXPECT_EQ(line["rejected_model"], battle.battle.model_b);
  EXPECT_EQ(line["source"], "vote");
  EXPECT_FALSE(Contains(DumpJson(line), battle.voter));
}

TEST_F(ArenaPreferencesTest, LeavesOutWhatTeachesNothingAndSaysWhy) {
  Arena arena = OpenWith(2);
  Fight(arena, {Said{}}, Outcome::kTie);
  Fight(arena, {Said{}}, Outcome::kBothBad, 0);
  Fight(arena, {Said{}}, Outcome::kWinA, 500);
  Fight(arena, {{"same", "same"}}, Outcome::kWinA);
  Fight(arena, {{"a", "b", "length"}}, Outcome::kWinA);
  Fight(arena, {{"a", "b", "length"}, {"c", "d"}}, Outcome::kWinA);
  Fight(arena, {Said{}}, Outcome::kWinB, 1750);
  const PairsOut exported = ExportOf(arena);
  ASSERT_EQ(exported.preferences.size(), 1u);
  EXPECT_EQ(exported.preferences[0].weight, 0.5);
  EXPECT_EQ(exported.counts.left_out.size(), 5u);
  for (const char* why : {"a tie", "both bad", "sooner", "same"}) {
    EXPECT_EQ(exported.LeftOut(why), 1) << why;
  }
  EXPECT_EQ(exported.LeftOut("cut"), 2);
}

// The prompt is what both conversations share, however far that goes.
TEST_F(ArenaPreferencesTest, ConversationsPartWhereTheyFirstDiffer) {
  Arena arena = OpenWith(2);
  Fight(arena, {{"Hello.", "Hello."}, {"x", "y"}}, Outcome::kWinB);
  Fight(arena, {{"Hello.", "Hello."}, {"p", "q"}, {"x", "x"}}, Outcome::kWinA);
  Fight(arena, {{"same", "same"}, {"same", "same"}}, Outcome::kWinA);
  const PairsOut exported = ExportOf(arena);
  ASSERT_EQ(exported.preferences.size(), 2u);
  EXPECT_EQ(exported.LeftOut("same"), 1);
  const Messages shared = {
      {Role::kUser, "Two and two?"}, {Role::kAssistant, "Hello."}, {Role::kUser, "And then?"}};
  for (const auto& preference : exported.preferences) EXPECT_EQ(preference.prompt, shared);
  EXPECT_EQ(exported.preferences[0].completions, (std::vector<std::string>{"y", "x"}));
  EXPECT_TRUE(exported.preferences[0].leads.empty());
  EXPECT_EQ(exported.preferences[1].completions, (std::vector<std::string>{"x", "x"}));
  EXPECT_EQ(exported.preferences[1].leads,
            (std::vector<Messages>{{{Role::kAssistant, "p"}, {Role::kUser, "And then?"}},
                                   {{Role::kAssistant, "q"}, {Role::kUser, "And then?"}}}));
}

TEST_F(ArenaPreferencesTest, TextThatModelsWroteStaysText) {
  Arena arena = OpenWith(2);
  const std::string nasty = "\"}\n{\"prompt\": \"x\"}\r\n\x01\\<|im_end|></script>\u2028\xff";
  Fight(arena, {{nasty, "b"}}, Outcome::kWinA, 5000, "s", "\n\n\"]}" + nasty);
  const PairsOut exported = ExportOf(arena);
  ASSERT_EQ(exported.preferences.size(), 1u);
  const std::string kept = exported.preferences[0].completions[0];
  EXPECT_EQ(kept, nasty.substr(0, nasty.size() - 1) + "\uFFFD");
}

// Thirty agree that model-0 is better; one votes against it on and on.
TEST_F(ArenaPreferencesTest, LeavesOutVotersWhomTheLeaderboardSetsAside) {
  Arena arena = OpenWith(2);
  const auto vote = [&](const std::string& session, bool for_first) {
    const Battle battle = Fought(arena, session, "prompt of " + session);
    const bool is_a = (battle.model_a == "model-0") == for_first;
    Vote(arena, battle, is_a ? Outcome::kWinA : Outcome::kWinB, session);
  };
  for (int i = 0; i < 90; ++i) vote("honest " + std::to_string(i % 30), i % 10 != 0);
  for (int i = 0; i < 25; ++i) vote("troll", false);
  const PairsOut exported = ExportOf(arena);
  EXPECT_EQ(exported.LeftOut("contradict"), 25);
  EXPECT_EQ(exported.preferences.size(), 90u);
  EXPECT_EQ(exported.counts.num_prompts, 30);
  EXPECT_EQ(ExportOf(arena, {.outlier_alpha = 0}).preferences.size(), 115u);
}

TEST_F(ArenaPreferencesTest, TakesMatchesIfAsked) {
  Arena arena = OpenWith(2);
  Fight(arena, {Said{}}, Outcome::kWinA);
  const auto detail = [](const char* messages) {
    return std::string(R"({"replies": ["x", "y"], "messages": )") + messages + "}";
  };
  const std::string whole =
      detail(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}])");
  std::vector<Match> matches;
  for (const std::string& one :
       {whole, whole, std::string("{}"), std::string("]["), detail("7"), detail("[]"),
        detail(R"([{"role": "assistant", "content": "q"}])"),
        std::string(R"({"replies": ["x"], "messages": [{"role": "user", "content": "q"}]})")}) {
    const std::string task = "test 42/" + std::to_string(matches.size());
    matches.push_back({"judge", "j", task, "model-0", "model-1", matches.empty() ? 0.5 : 0, one});
  }
  matches.push_back({"grader", "g", "test 42/0", "model-1", "model-0", 1, whole});
  arena.AddMatches(matches);
  const PairsOut judged = ExportOf(arena, {.source = "judge"});
  ASSERT_EQ(judged.preferences.size(), 1u);
  EXPECT_EQ(judged.preferences[0].completions, (std::vector<std::string>{"y", "x"}));
  EXPECT_EQ(judged.preferences[0].prompt, (Messages{{Role::kSystem, "s"}, {Role::kUser, "q"}}));
  EXPECT_EQ(judged.lines[0]["chosen_model"], "model-1");
  EXPECT_EQ(judged.lines[0]["id"], "test 42/1");
  EXPECT_EQ(judged.LeftOut("a tie"), 1);
  EXPECT_EQ(judged.LeftOut("isn't known"), 6);
  const PairsOut graded = ExportOf(arena, {.source = "grader"});
  ASSERT_EQ(graded.preferences.size(), 1u);
  EXPECT_EQ(graded.lines[0]["rejected_model"], "model-0");
  EXPECT_EQ(graded.lines[0]["source"], "grader");
}

TEST_F(ArenaPreferencesTest, TheCommandSaysWhatIsThereAndThatNothingIs) {
  Arena arena = OpenWith(2);
  std::ostringstream out, notes;
  const ExportCommand command{.format = "preferences"};
  EXPECT_TRUE(Contains(ErrorOf([&] { RunExport(arena, command, out, notes); }, ErrorKind::kFailed),
                       "no verdict"));
  Fight(arena, {Said{}}, Outcome::kTie);
  Fight(arena, {Said{}}, Outcome::kWinA);
  notes.str("");
  RunExport(arena, command, out, notes);
  EXPECT_EQ(notes.str(), "1 pair(s) on 1 prompt(s)\nleft out 1: a tie\n");
  EXPECT_NE(ErrorOf([&] { RunExport(arena, {.format = "csv"}, out, notes); }, ErrorKind::kUsage),
            "");
}

}  // namespace
}  // namespace agon::arena
