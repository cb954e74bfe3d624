// rl-serve as a process: what it prints, what it answers, and that its end loses nothing.
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "core/error.h"
#include "datasets/chat.h"
#include "net/http_client.h"
#include "policy/policy.h"
#include "tests/apps/command.h"
#include "tests/error_of.h"
#include "tests/paths.h"

namespace agon {
namespace {

// A model directory with random weights.
fs::path RandomModel() {
  static const fs::path dir = [] {
    const fs::path path =
        fs::path(::testing::TempDir()) / ("rl_serve_" + std::to_string(::getpid()));
    fs::create_directories(path);
    const auto tokenizer = datasets::Tokenizer::FromMerges({}, datasets::ChatSpecialTokens());
    policy::Policy::Create(policy::PresetConfig("nano", tokenizer.vocab_size(), 256),
                           policy::ComputeType::kFloat32, 1)
        ->Save(path);
    datasets::ChatTemplate(tokenizer).Save(path);
    return path;
  }();
  return dir;
}

// A running rl-serve; its address is read from what it prints.
class RunningServer {
 public:
  explicit RunningServer(const std::vector<std::string>& more = {}) {
    int out[2];
    AGON_CHECK(pipe(out) == 0);
    std::vector<std::string> arguments = {kBinaryDir + "/bin/rl-serve", "--port", "0", "--model",
                                          "m=" + RandomModel().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      close(out[0]);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(out[1]);
    out_ = out[0];
    const std::string line = ReadLine();
    url_ = line.substr(line.find("http://"));
  }
  ~RunningServer() {
    if (child_ > 0) kill(child_, SIGKILL), waitpid(child_, nullptr, 0);
    close(out_);
  }

  const std::string& url() const { return url_; }  // ".../v1"
  void Signal(int signal) const { kill(child_, signal); }
  int ExitStatus() {
    int status = 0;
    waitpid(std::exchange(child_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  std::string ReadLine() const {
    std::string line;
    for (char c = 0; read(out_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

  pid_t child_ = 0;
  int out_ = -1;
  std::string url_;
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
