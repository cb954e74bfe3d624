// rl-arena serve as a process: real models speak, and a kill loses no vote.
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <set>
#include <thread>

#include "arena/arena.h"
#include "arena/serve_command.h"
#include "core/database.h"
#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"
#include "datasets/chat.h"
#include "net/http_client.h"
#include "policy/policy.h"
#include "tests/apps/command.h"
#include "tests/apps/running_command.h"

namespace agon {
namespace {

using std::chrono::milliseconds;

class RlArenaServe : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("rl_arena_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A chat model with random weights, as a checkpoint of a run.
  fs::path RandomModel(const std::string& name, uint64_t seed) {
    const fs::path path = folder_ / "runs" / "tiny" / "checkpoints" / name;
    fs::create_directories(path);
    const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
    policy::Policy::Create(policy::PresetConfig("pico", tokenizer.vocab_size(), 256),
                           policy::ComputeType::kFloat32, seed)
        ->Save(path);
    datasets::ChatTemplate(tokenizer).Save(path);
    return path;
  }

  fs::path folder_;
};

std::vector<std::string> ServeArguments(const fs::path& folder,
                                        const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"serve",
                                        "--port",
                                        "0",
                                        "--db",
                                        (folder / "arena.db").string(),
                                        "--runs",
                                        (folder / "runs").string(),
                                        "--no-limits"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

class Serving : public RunningCommand {
 public:
  explicit Serving(const fs::path& folder, const std::vector<std::string>& more = {})
      : RunningCommand("rl-arena", ServeArguments(folder, more)) {
    const size_t begin = first_line().find("http://");
    AGON_CHECK(begin != std::string::npos, first_line());
    url_ = first_line().substr(begin, first_line().size() - 1 - begin);
  }
  int End(int signal) {
    Signal(signal);
    return ExitStatus();
  }
  const std::string& url() const { return url_; }

 private:
  std::string url_;
};

TEST_F(RlArenaServe, EntersModelsThatSpeakAndAreVotedOn) {
  const Serving server(folder_, {"--model", RandomModel("sft-000010", 1).string(), "--model",
                                 RandomModel("rl-000005", 2).string(), "--max-tokens", "8"});
  net::HttpClient client(server.url());
  const auto session = client.Send("GET", "/api/session");
  EXPECT_EQ(ParseJson(session.body, "session").at("models"), 2);
  const std::string_view set = session.Header("Set-Cookie");
  const net::HttpHeaders headers = {
      {"Cookie", std::string(set.substr(0, set.find(';')))},
      {"X-Form-Token", ParseJson(session.body, "session").at("form_token").get<std::string>()}};
  const auto made = client.Send("POST", "/api/battles", R"({"draw": true})", headers);
  ASSERT_EQ(made.status, 201) << made.body;
  Json battle = ParseJson(made.body, "battle");
  EXPECT_EQ(battle.at("category"), "math/shop");
  const std::string place = "/api/battles/" + battle.at("id").get<std::string>();
  for (int i = 0; i < 4000 && battle.at("live").get<bool>(); ++i) {
    std::this_thread::sleep_for(milliseconds(20));
    battle = ParseJson(client.Send("GET", place, "", headers).body, "battle");
  }
  ASSERT_TRUE(battle.at("can_vote")) << battle;
  const auto vote =
      client.Send("POST", place + "/vote",
                  Json{{"token", battle.at("token")}, {"choice", "b"}}.dump(), headers);
  EXPECT_EQ(vote.status, 201) << vote.body;
  arena::Arena arena(folder_ / "arena.db");
  EXPECT_EQ(arena.FindModel("tiny/rl-000005")->parent, "tiny/sft-000010");
  EXPECT_EQ(arena.FindModel("tiny/rl-000005")->num_votes, 1);
}

TEST_F(RlArenaServe, AnEmptyArenaFindsCheckpointsAndEntersThem) {
  RandomModel("pretrain-000010", 1);
  RandomModel("sft-000010", 2);
  for (const char* name : {"rl-000001", "rl-000002", "rl-000003", "rl-000004"}) {
    RandomModel(name, 3);
  }
  Serving server(folder_);
  net::HttpClient client(server.url());
  const auto page = client.Send("GET", "/");
  for (const auto& [name, is_offered] :
       {std::pair("pretrain-000010", false), std::pair("sft-000010", true),
        std::pair("rl-000001", true), std::pair("rl-000002", false), std::pair("rl-000003", true),
        std::pair("rl-000004", true)}) {
    EXPECT_EQ(page.body.find(name) != std::string::npos, is_offered) << name;
  }
  const std::string_view set = page.Header("Set-Cookie");
  const size_t begin = page.body.find("name=\"form\" value=\"") + 19;
  const auto entered =
      client.Send("POST", "/setup",
                  "form=" + page.body.substr(begin, 32) + "&checkpoint=0&checkpoint=1&checkpoint=3",
                  {{"Cookie", std::string(set.substr(0, set.find(';')))},
                   {"Content-Type", "application/x-www-form-urlencoded"}});
  EXPECT_EQ(entered.status, 303) << entered.body;
  EXPECT_EQ(ParseJson(client.Send("GET", "/api/session").body, "session").at("models"), 3);
  EXPECT_EQ(server.End(SIGTERM), 0);
}

TEST_F(RlArenaServe, SaysWhatIsWrongWithAModelOrAPort) {
  const auto missing = RunCommand("rl-arena", {"serve", "--db", (folder_ / "a.db").string(),
                                               "--model", (folder_ / "nothing").string()});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_NE(missing.err.find("no model.safetensors"), std::string::npos) << missing.err;
  const Serving server(folder_);
  const std::string port = server.url().substr(server.url().rfind(':') + 1);
  const auto taken =
      RunCommand("rl-arena", {"serve", "--db", (folder_ / "b.db").string(), "--port", port});
  EXPECT_EQ(taken.exit_status, 1);
  EXPECT_NE(taken.err.find("choose another port"), std::string::npos) << taken.err;
}

// Votes that wait to be cast, and what the server said of them.
class Polling {
 public:
  struct Paper {
    std::string battle, token;
  };
  explicit Polling(std::vector<Paper> papers) : papers_(std::move(papers)) {}

  // Votes until the server is gone. Every third time it repeats a vote that was acknowledged.
  void Vote(const std::string& url, const net::HttpHeaders& headers) {
    try {
      net::HttpClient client(url, {.timeout_ms = 3000});
      for (int i = 0;; ++i) {
        const size_t number = i % 3 == 2 ? 0 : next_++;
        const Paper& paper = papers_[number % papers_.size()];
        const auto reply =
            client.Send("POST", "/api/battles/" + paper.battle + "/vote",
                        Json{{"token", paper.token}, {"choice", "a"}}.dump(), headers);
        AGON_CHECK(reply.status == 200 || reply.status == 201, reply.body);
        std::unique_lock lock(mutex_);
        num_acknowledged_ += reply.status == 201;
        acknowledged_.insert(paper.battle);
        lock.unlock();
        // Slow enough that there are votes left for the last kill.
        std::this_thread::sleep_for(milliseconds(3));
      }
    } catch (const Error&) {  // killed
    }
  }

  const std::set<std::string>& acknowledged() const { return acknowledged_; }
  size_t num_acknowledged() const { return num_acknowledged_; }

 private:
  const std::vector<Paper> papers_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::set<std::string> acknowledged_;
  size_t num_acknowledged_ = 0;
};

TEST_F(RlArenaServe, SlowTwentyKillsUnderLoadLoseNoVoteAndCountNoneTwice) {
  const std::string session(32, 'a');
  net::HttpHeaders headers = {{"Cookie", "agon_session=" + session}};
  std::vector<Polling::Paper> papers;
  {
    arena::Arena arena(folder_ / "arena.db");
    for (const char* name : {"one", "two"}) arena.AddModel({.name = name});
    headers.emplace_back("X-Form-Token", arena.FormToken(session));
    for (int i = 0; i < 4000; ++i) {
      const arena::Battle battle = arena.NewBattle("Why?", "", session);
      arena.AddReply(battle.id, {.side = 0, .text = "So."});
      arena.AddReply(battle.id, {.side = 1, .text = "Because."});
      papers.push_back({battle.id, battle.token});
    }
  }
  Polling polling(papers);
  Rng rng({.run_seed = 20});
  for (int round = 0; round < 20; ++round) {
    Serving server(folder_);
    std::vector<std::thread> voters;
    for (int i = 0; i < 8; ++i) voters.emplace_back([&] { polling.Vote(server.url(), headers); });
    std::this_thread::sleep_for(milliseconds(60 + rng.Below(150)));
    EXPECT_EQ(server.End(SIGKILL), -SIGKILL);
    for (std::thread& voter : voters) voter.join();
  }
  EXPECT_GT(polling.num_acknowledged(), 200u);
  EXPECT_LT(polling.num_acknowledged(), papers.size()) << "votes ran out before the kills did";
  Database database(folder_ / "arena.db");
  Statement found = database.Prepare("SELECT COUNT(*) FROM vote WHERE battle = ?");
  for (const std::string& battle : polling.acknowledged()) {
    ASSERT_TRUE(found.Bind(battle).Step());
    EXPECT_EQ(found.Int(0), 1) << battle;
  }
  // Stored without an answer are at most those that were under way at a kill.
  const auto num_votes = static_cast<size_t>(database.QueryInt("SELECT COUNT(*) FROM vote"));
  EXPECT_GE(num_votes, polling.num_acknowledged());
  EXPECT_LE(num_votes, polling.num_acknowledged() + size_t{20} * 8);
  EXPECT_EQ(database.QueryInt("SELECT SUM(num_votes) FROM model"),
            2 * static_cast<int64_t>(num_votes));
  const auto verified = arena::VerifyArena(folder_ / "arena.db");
  EXPECT_TRUE(verified.problems.empty()) << verified.problems[0];
  std::printf("%zu votes acknowledged, %zu stored\n", polling.num_acknowledged(), num_votes);
}

}  // namespace
}  // namespace agon
