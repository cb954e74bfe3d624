// rl-serve as a process: what it prints, what it answers, and that its end loses nothing.
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "core/error.h"
#include "datasets/chat.h"
#include "net/http_client.h"
#include "policy/policy.h"
#include "tests/apps/command.h"
#include "tests/apps/running_command.h"
#include "tests/error_of.h"

namespace agon {
namespace {

// A model directory with random weights.
fs::path RandomModel() {
  static const fs::path dir = [] {
    const fs::path path =
        fs::path(::testing::TempDir()) / ("rl_serve_" + std::to_string(::getpid()));
    fs::create_directories(path);
    const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
    policy::Policy::Create(policy::PresetConfig("pico", tokenizer.vocab_size(), 256),
                           policy::ComputeType::kFloat32, 1)
        ->Save(path);
    datasets::ChatTemplate(tokenizer).Save(path);
    return path;
  }();
  return dir;
}

class RunningServer : public RunningCommand {
 public:
  RunningServer()
      : RunningCommand("rl-serve", {"--port", "0", "--model", "m=" + RandomModel().string()}) {}
  std::string url() const { return first_line().substr(first_line().find("http://")); }  // ".../v1"
};

TEST(RlServeTest, SigtermAnswersWhatIsUnderWay) {
  RunningServer server;
  EXPECT_TRUE(Contains(net::HttpGet(server.url() + "/models").body, "\"id\":\"m\""));
  std::atomic<int> num_whole{0}, num_lost{0}, num_refused{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      net::HttpClient client(server.url(), {.timeout_ms = 60000});
      while (true) {
        try {
          const auto response =
              client.Send("POST", "/completions", R"({"prompt":"x","max_tokens":60})");
          response.status == 200 ? ++num_whole : ++num_lost;
        } catch (const Error& error) {
          // Nobody listens any more: the request was never taken.
          Contains(error.what(), "refused") ? ++num_refused : ++num_lost;
          return;
        }
      }
    });
  }
  while (num_whole < 32) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.ExitStatus(), 0);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(num_lost, 0);
  EXPECT_EQ(num_refused, 16);
}

TEST(RlServeTest, TokenFromTheEnvironment) {
  setenv("AGON_SERVE_TOKEN", "abc", 1);
  RunningServer server;
  unsetenv("AGON_SERVE_TOKEN");
  EXPECT_EQ(net::HttpGet(server.url() + "/models").status, 401);
  server.Signal(SIGINT);
  EXPECT_EQ(server.ExitStatus(), 0);
}

TEST(RlServeTest, BadUsage) {
  const std::string model = RandomModel().string();
  CommandResult result = RunCommand("rl-serve", {"--model", model, "--model", model});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_TRUE(Contains(result.err, "two models are called"));
  result = RunCommand("rl-serve", {"--model", "/nowhere"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_TRUE(Contains(result.err, "/nowhere"));
  result = RunCommand("rl-serve", {"--model", model, "--host", "nowhere"});
  EXPECT_EQ(result.exit_status, 2);
}

}  // namespace
}  // namespace agon
