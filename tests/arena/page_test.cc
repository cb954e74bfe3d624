// The page over HTTP: battles, votes, boards, with scripts and without.
#include "arena/page.h"

#include <gtest/gtest.h>

#include "tests/arena/page_server.h"
#include "tests/contains.h"

namespace agon::arena {
namespace {

// The value of a hidden field.
std::string Field(const std::string& html, const std::string& name) {
  const std::string before = "name=\"" + name + "\" value=\"";
  const size_t begin = html.find(before);
  if (begin == std::string::npos) return "";
  return html.substr(begin + before.size(),
                     html.find('"', begin + before.size()) - begin - before.size());
}

TEST_F(PageTest, ABattleOverTheApiHidesNamesUntilItsVote) {
  Start();
  TestVisitor visitor = Visit();
  const Json battle = visitor.Battle("Which is larger?");
  EXPECT_EQ(battle.at("turns"), Json::array({"Which is larger?"}));
  EXPECT_EQ(battle.at("replies").size(), 2u);
  EXPECT_EQ(battle.at("replies")[0].at("text"), "An answer.");
  EXPECT_TRUE(battle.at("can_vote"));
  EXPECT_EQ(battle.at("category"), "own");
  EXPECT_FALSE(Contains(battle.dump(), "model-")) << battle;
  const std::string id = battle.at("id");
  EXPECT_FALSE(Contains(visitor.Get("/battle/" + id).body, "model-"));

  const auto vote = visitor.Vote(battle, "a");
  EXPECT_EQ(vote.status, 201);
  const Json receipt = Parsed(vote);
  EXPECT_EQ(receipt.at("status"), "counted");
  EXPECT_EQ(receipt.at("gain_a"), 8);  // of equals, K = 16
  EXPECT_EQ(receipt.at("elo_a"), 1008);
  EXPECT_NE(receipt.at("model_a"), receipt.at("model_b"));
  EXPECT_TRUE(Contains(visitor.Get("/battle/" + id).body, "+8.0 Elo"));
  EXPECT_EQ(NumVotes(), 1);
  EXPECT_EQ(Count("SELECT COUNT(*) FROM vote WHERE dwell_ms BETWEEN 0 AND 60000"), 1);
}

TEST_F(PageTest, ABattleWithoutScriptsIsForms) {
  Start();
  TestVisitor visitor = Visit();
  EXPECT_TRUE(Contains(visitor.Get("/").body, "<form class=\"ask\" method=\"post\""));
  const auto made = visitor.PostForm("/battles", "prompt=Two+%2B+two%3F");
  ASSERT_EQ(made.status, 303) << made.body;
  const std::string place(made.Header("Location"));
  visitor.Wait(place.substr(place.rfind('/') + 1));
  const std::string page = visitor.Get(place).body;
  EXPECT_TRUE(Contains(page, "Two + two?"));
  EXPECT_TRUE(Contains(page, "<pre>An answer.</pre>"));
  EXPECT_TRUE(Contains(page, "type=\"radio\" name=\"choice\" value=\"both_bad\""));
  EXPECT_EQ(Field(page, "form"), visitor.form_token);

  const auto vote = visitor.PostForm(place + "/vote", "choice=tie&token=" + Field(page, "token"));
  ASSERT_EQ(vote.status, 303);
  const std::string result = visitor.Get(std::string(vote.Header("Location"))).body;
  EXPECT_TRUE(Contains(result, "You called it a tie"));
  EXPECT_TRUE(Contains(result, "model-0") && Contains(result, "model-1"));
  EXPECT_EQ(visitor.PostForm(place + "/comment", "tag=correct&tag=nonsense&comment=good").status,
            303);
  EXPECT_EQ(visitor.PostForm(place + "/comment", "comment=again").status, 409);
  Arena arena = Open();
  const auto record = arena.FindBattle(place.substr(place.rfind('/') + 1));
  EXPECT_EQ(record->tags, std::vector<std::string>{"correct"});
  EXPECT_EQ(record->comment, "good");
}

TEST_F(PageTest, RepliesStreamAndTheVoteOpensAtTheirEnd) {
  Start();
  TestVisitor visitor = Visit();
  const Json made = Parsed(visitor.Post("/api/battles", {{"prompt", "hold on"}}));
  EXPECT_TRUE(made.at("live"));
  EXPECT_FALSE(made.at("can_vote"));
  const std::string id = made.at("id");
  EXPECT_EQ(visitor.Vote(made, "a").status, 409);
  EXPECT_TRUE(Contains(visitor.Get("/battle/" + id).body, "http-equiv=\"refresh\""));

  std::string stream;
  std::thread listener([&] {
    TestVisitor same = Visit();
    same.cookie = visitor.cookie;
    stream = same.Get("/api/battles/" + id + "/stream").body;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  speakers_.Release();
  listener.join();
  EXPECT_TRUE(Contains(stream, "data: {\"side\":0,\"text\":\"I begin\",\"whole\":true}")) << stream;
  EXPECT_TRUE(Contains(stream, "data: {\"side\":1,\"text\":\" and end\"}"));
  EXPECT_TRUE(Contains(stream, "event: end\ndata: {\"side\":1,\"finish\":\"stop\"}"));
  EXPECT_TRUE(stream.ends_with("event: done\ndata: {}\n\n"));
  EXPECT_EQ(visitor.Vote(visitor.Wait(id), "b").status, 201);
}

TEST_F(PageTest, TurnsGoOnUntilTheVote) {
  options_.max_turns = 2;
  Start();
  TestVisitor visitor = Visit();
  const Json battle = visitor.Battle();
  const std::string turns = "/api/battles/" + battle.at("id").get<std::string>() + "/turns";
  EXPECT_EQ(visitor.Post(turns, {{"text", " "}}).status, 400);
  EXPECT_EQ(visitor.Post(turns, {{"text", "And then?"}}).status, 201);
  const Json after = visitor.Wait(battle.at("id"));
  EXPECT_EQ(after.at("turns").size(), 2u);
  EXPECT_EQ(after.at("replies").size(), 4u);
  EXPECT_EQ(speakers_.lengths(), (std::vector<size_t>{1, 1, 3, 3}));
  EXPECT_EQ(visitor.Post(turns, {{"text", "More?"}}).status, 409);
  EXPECT_EQ(visitor.Vote(after, "a").status, 201);
  EXPECT_EQ(visitor.Post(turns, {{"text", "After the vote?"}}).status, 409);
}

TEST_F(PageTest, AReplyThatFailsOrNamesItsModelSpoilsTheBattle) {
  Start();
  TestVisitor visitor = Visit();
  for (const std::string kind : {"fail", "leak"}) {
    const Json battle = visitor.Battle("please " + kind);
    EXPECT_EQ(battle.at("spoilt"), kind == "fail" ? "error" : "leak");
    EXPECT_FALSE(battle.at("can_vote"));
    EXPECT_TRUE(battle.contains("model_a"));  // nothing is left to hide
    EXPECT_EQ(visitor.Vote(battle, "a").status, 409);
    const std::string page = visitor.Get("/battle/" + battle.at("id").get<std::string>()).body;
    EXPECT_TRUE(Contains(page, "Not counted")) << page;
  }
  // What the visitor named first is no leak.
  EXPECT_TRUE(visitor.Battle("leak, model-0 or model-1?").at("can_vote"));
  EXPECT_EQ(NumVotes(), 0);
}

TEST_F(PageTest, AReplyThatNeverEndsIsGivenUp) {
  options_.reply_ms = 100;
  Start();
  TestVisitor visitor = Visit();
  const Json battle = visitor.Battle("hold for ever");
  EXPECT_EQ(battle.at("spoilt"), "error");
}

TEST_F(PageTest, BusyModelsAreSaidBeforeAnythingIsStored) {
  options_.max_live = 1;
  Start();
  TestVisitor visitor = Visit();
  const Json ready = visitor.Battle();
  const Json held = Parsed(visitor.Post("/api/battles", {{"prompt", "hold on"}}));
  const auto refused = visitor.Post("/api/battles", {{"prompt", "Me, too?"}});
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("Retry-After"), "5");
  const std::string turns = "/api/battles/" + ready.at("id").get<std::string>() + "/turns";
  EXPECT_EQ(visitor.Post(turns, {{"text", "And I?"}}).status, 503);
  EXPECT_EQ(Count("SELECT COUNT(*) FROM battle"), 2);
  EXPECT_EQ(visitor.Vote(ready, "a").status, 201);
  speakers_.Release();
  visitor.Wait(held.at("id"));
  EXPECT_TRUE(visitor.Battle().at("can_vote"));
}

TEST_F(PageTest, AServerThatWasStoppedGoesOnWithItsBattles) {
  Start();
  std::optional<TestVisitor> visitor = Visit();
  const Json battle = visitor->Battle();
  const Json cut = Parsed(visitor->Post("/api/battles", {{"prompt", "hold on"}}));
  const std::string cookie = visitor->cookie;
  visitor.reset();
  Stop();
  Start();
  TestVisitor again = Visit();
  again.cookie = cookie;
  again.form_token = Parsed(again.Get("/api/session")).at("form_token");
  EXPECT_EQ(again.Vote(battle, "a").status, 201);
  EXPECT_EQ(Parsed(again.Get("/api/battles/" + cut.at("id").get<std::string>())).at("live"), false);
  // Since when the replies stood there isn't known: only that it was after the start.
  EXPECT_EQ(Count("SELECT COUNT(*) FROM vote WHERE dwell_ms < 10000"), 1);
}

TEST_F(PageTest, AnEmptyArenaOffersCheckpoints) {
  options_.checkpoints = {"runs/a/checkpoints/sft-000300", "runs/a/checkpoints/rl-000100"};
  std::vector<size_t> entered;
  options_.enter = [&](const std::vector<size_t>& chosen) {
    entered = chosen;
    Arena arena(file_);
    for (const size_t i : chosen) arena.AddModel({.name = "entered-" + std::to_string(i)});
  };
  Start(0);
  TestVisitor visitor = Visit();
  EXPECT_TRUE(Contains(visitor.Get("/").body, "runs/a/checkpoints/rl-000100"));
  EXPECT_EQ(visitor.Post("/api/battles", {{"prompt", "Why?"}}).status, 409);
  EXPECT_EQ(visitor.PostForm("/setup", "checkpoint=7").status, 400);
  EXPECT_EQ(visitor.PostForm("/setup", "checkpoint=1&checkpoint=0&checkpoint=1").status, 303);
  EXPECT_EQ(entered, (std::vector<size_t>{0, 1}));
  EXPECT_TRUE(visitor.Battle().at("can_vote"));
  EXPECT_EQ(visitor.PostForm("/setup", "checkpoint=0").status, 409);  // there are models
}

TEST_F(PageTest, AModelThatCantSpeakIsNeverDrawn) {
  Start();
  Open().AddModel({.name = "mute"});
  TestVisitor visitor = Visit();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(visitor.Battle().at("can_vote"));
  EXPECT_EQ(Count("SELECT COUNT(*) FROM battle WHERE model_a = 3 OR model_b = 3"), 0);
}

TEST_F(PageTest, BoardsModelsAndGamesAreJson) {
  Start();
  {
    Arena arena = Open();
    arena.AddModel({.name = "child", .parent = "model-1", .stage = "rl", .step = 7});
    const Match game = {.decider = "game",
                        .subject = "game/connect4-v1",
                        .task = "test 42/0",
                        .model_a = "child",
                        .model_b = "model-0",
                        .score = 1,
                        .detail = R"({"transcript": "4"})"};
    arena.AddMatches({&game, 1});
  }
  TestVisitor visitor = Visit();
  // A vote that nobody can have read for weighs nothing.
  visitor.Vote(visitor.Battle(), "a");
  const Json read = visitor.Battle();
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  visitor.Vote(read, "a");
  const Json board = Parsed(visitor.Get("/api/leaderboard"));
  EXPECT_EQ(board.at("comparisons"), 2);
  EXPECT_EQ(board.at("models").size(), 3u);
  EXPECT_EQ(board.at("stages"), Json::array({"sft", "rl"}));
  EXPECT_EQ(Parsed(visitor.Get("/api/leaderboard?source=vote")).at("comparisons"), 1);
  EXPECT_EQ(Parsed(visitor.Get("/api/leaderboard?stage=sft")).at("comparisons"), 0);
  EXPECT_EQ(visitor.Get("/api/leaderboard?source=guess").status, 400);
  const Json model = Parsed(visitor.Get("/api/model?name=child"));
  EXPECT_EQ(model.at("lineage").size(), 2u);
  EXPECT_EQ(model.at("lineage")[1].at("name"), "model-1");
  EXPECT_EQ(Parsed(visitor.Get("/api/model?name=model-1")).at("children").size(), 1u);
  EXPECT_EQ(visitor.Get("/api/model?name=nobody").status, 404);
  const Json games = Parsed(visitor.Get("/api/games?model=child")).at("games");
  EXPECT_EQ(games[0].at("detail").at("transcript"), "4");
  EXPECT_EQ(Parsed(visitor.Get("/api/games?model=model-1")).at("games").size(), 0u);
  for (const char* path : {"/leaderboard", "/model?name=child", "/games", "/health", "/metrics"}) {
    EXPECT_EQ(visitor.Get(path).status, 200) << path;
  }
  EXPECT_TRUE(
      Contains(visitor.Get("/metrics").body, "agon_arena_votes_total{status=\"counted\"} 2"));
}

TEST_F(PageTest, SpeaksKoreanToThoseWhoDo) {
  Start();
  TestVisitor visitor = Visit();
  const auto korean =
      visitor.Send("GET", "/", "", {{"Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8"}});
  EXPECT_TRUE(Contains(korean.body, "<html lang=\"ko\">"));
  EXPECT_TRUE(Contains(korean.body, "어느 모델이 더 잘 답할까요?"));
  const auto chosen = visitor.Get("/leaderboard?lang=ko");
  EXPECT_TRUE(Contains(chosen.Header("Set-Cookie"), "agon_lang=ko"));
  EXPECT_TRUE(Contains(chosen.body, "순위표"));
}

TEST_F(PageTest, LimitsSlowDownWhoAsksTooOften) {
  options_.battles_per_session = {2, 1};
  options_.votes_per_address = {1, 1};
  Start();
  TestVisitor first = Visit(), second = Visit();
  const Json battle = first.Battle(), other = first.Battle();
  const auto third = first.Post("/api/battles", {{"prompt", "Why?"}});
  EXPECT_EQ(third.status, 429);
  EXPECT_GT(std::stoi(std::string(third.Header("Retry-After"))), 30);
  EXPECT_EQ(first.Vote(battle, "a").status, 201);
  EXPECT_EQ(first.Vote(other, "a").status, 429);
  EXPECT_EQ(second.Vote(second.Battle(), "a").status, 429);  // the same address
  EXPECT_EQ(NumVotes(), 1);
}

TEST_F(PageTest, ALockedDatabaseIsSaidAndLosesNothing) {
  Start();
  TestVisitor visitor = Visit();
  const Json battle = visitor.Battle();
  {
    Database other(file_);
    Transaction lock(other);
    const auto refused = visitor.Vote(battle, "a");
    EXPECT_EQ(refused.status, 503);
    EXPECT_TRUE(Contains(refused.body, "Nothing was counted")) << refused.body;
  }
  EXPECT_EQ(visitor.Vote(battle, "a").status, 201);
  EXPECT_EQ(NumVotes(), 1);
}

}  // namespace
}  // namespace agon::arena
