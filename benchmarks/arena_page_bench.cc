// Many people voting at once, over HTTP: how long until a vote is on the disk.
//
//   arena_page_bench [--voters 1000] [--votes 4] [--think-ms 1000] [--db FOLDER]
//
// Each voter has a connection, a session and battles of his own (minted before, not measured);
// he thinks for up to twice --think-ms, votes, and waits for the answer. One thread plays all
// voters, beside the server in the same process. Prints one JSON object; fails if a vote that was
// acknowledged isn't in the arena, or one is there that wasn't.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <queue>
#include <string>
#include <vector>

#include "arena/page.h"
#include "core/error.h"
#include "core/json.h"
#include "core/rng.h"

namespace agon::arena {
namespace {

using Clock = std::chrono::steady_clock;

class Mute final : public Speakers {
 public:
  bool CanSpeak(const std::string&) const override { return true; }
  std::function<void()> Speak(const std::string&, const Messages&, uint64_t,
                              SpeakCallbacks callbacks) override {
    callbacks.on_end({.error = "mute"});
    return [] {};
  }
};

struct Voter {
  int socket = -1;
  std::vector<std::string> requests;  // one a battle
  size_t next = 0;
  std::string received;
  Clock::time_point asked;
};

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string SessionOf(int voter) {
  char text[33];
  std::snprintf(text, sizeof text, "%032x", voter + 1);
  return text;
}

std::string VoteRequest(const Battle& battle, const std::string& session, const std::string& form) {
  const std::string body = Json{{"token", battle.token}, {"choice", "a"}}.dump();
  return "POST /api/battles/" + battle.id +
         "/vote HTTP/1.1\r\nHost: localhost\r\nCookie: agon_session=" + session +
         "\r\nX-Form-Token: " + form +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::vector<Voter> Mint(const std::filesystem::path& file, int num_voters, int votes_each) {
  Arena arena(file);
  for (int i = 0; i < 8; ++i) arena.AddModel({.name = "model " + std::to_string(i)});
  std::vector<Voter> voters(static_cast<size_t>(num_voters));
  for (int i = 0; i < num_voters; ++i) {
    const std::string session = SessionOf(i);
    const std::string form = arena.FormToken(session);
    for (int k = 0; k < votes_each; ++k) {
      const Battle battle = arena.NewBattle("A question?", "", session);
      arena.AddReply(battle.id, {.side = 0, .text = "An answer."});
      arena.AddReply(battle.id, {.side = 1, .text = "Another answer."});
      voters[static_cast<size_t>(i)].requests.push_back(VoteRequest(battle, session, form));
    }
  }
  return voters;
}

// All voters, on one thread.
class Crowd {
 public:
  Crowd(std::vector<Voter> voters, int port, double think_ms)
      : voters_(std::move(voters)), think_ms_(think_ms), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (size_t i = 0; i < voters_.size(); ++i) Connect(i, port);
  }
  ~Crowd() {
    for (const Voter& voter : voters_) close(voter.socket);
    close(poll_);
  }

  void Run() {
    const auto start = Clock::now();
    for (size_t i = 0; i < voters_.size(); ++i) Think(i);
    std::vector<epoll_event> events(256);
    size_t num_left = voters_.size() * voters_[0].requests.size();
    while (num_left > 0) {
      while (!thinking_.empty() && thinking_.top().first <= Clock::now()) {
        const size_t voter = thinking_.top().second;
        thinking_.pop();
        Ask(voter);
      }
      const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 1);
      for (int i = 0; i < count; ++i) num_left -= Hear(events[static_cast<size_t>(i)].data.u64);
    }
    seconds_ = Milliseconds(Clock::now() - start) / 1000;
  }

  double seconds() const { return seconds_; }
  size_t num_counted() const { return num_counted_; }
  double Quantile(double q) {
    std::sort(latencies_.begin(), latencies_.end());
    return latencies_[static_cast<size_t>(q * static_cast<double>(latencies_.size() - 1))];
  }

 private:
  void Connect(size_t i, int port) {
    Voter& voter = voters_[i];
    voter.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(voter.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    AGON_CHECK(connect(voter.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = i;
    AGON_CHECK(epoll_ctl(poll_, EPOLL_CTL_ADD, voter.socket, &event) == 0);
  }
  void Think(size_t voter) {
    const auto pause = std::chrono::duration<double, std::milli>(2 * think_ms_ * rng_.Uniform());
    thinking_.emplace(Clock::now() + std::chrono::duration_cast<Clock::duration>(pause), voter);
  }
  void Ask(size_t i) {
    Voter& voter = voters_[i];
    voter.asked = Clock::now();
    const std::string& request = voter.requests[voter.next++];
    AGON_CHECK(send(voter.socket, request.data(), request.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(request.size()));
  }
  // 1 if a whole reply came.
  size_t Hear(size_t i) {
    Voter& voter = voters_[i];
    char bytes[4096];
    const ssize_t length = recv(voter.socket, bytes, sizeof bytes, 0);
    AGON_CHECK(length > 0, "the server hung up: " + voter.received);
    voter.received.append(bytes, static_cast<size_t>(length));
    if (!voter.received.ends_with("}\n")) return 0;
    latencies_.push_back(Milliseconds(Clock::now() - voter.asked));
    num_counted_ += voter.received.starts_with("HTTP/1.1 201");
    voter.received.clear();
    if (voter.next < voter.requests.size()) Think(i);
    return 1;
  }

  using Due = std::pair<Clock::time_point, size_t>;
  std::vector<Voter> voters_;
  const double think_ms_;
  const int poll_;
  Rng rng_{{.run_seed = 1}};
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> thinking_;
  std::vector<double> latencies_;
  size_t num_counted_ = 0;
  double seconds_ = 0;
};

PageOptions Unlimited() {
  PageOptions options;
  options.battles_per_session = options.battles_per_address = {};
  options.votes_per_session = options.votes_per_address = options.reads_per_address = {};
  return options;
}

int Run(int argc, char** argv) {
  CLI::App app("Many people voting at once.");
  int num_voters = 1000, votes_each = 4;
  double think_ms = 1000;
  std::string parent = std::filesystem::temp_directory_path().string();
  app.add_option("--voters", num_voters, "At once")->check(CLI::Range(1, 100000));
  app.add_option("--votes", votes_each, "Of each")->check(CLI::Range(1, 1000));
  app.add_option("--think-ms", think_ms, "Mean pause before a vote; 0: none");
  app.add_option("--db", parent, "Folder for the arena's file");
  CLI11_PARSE(app, argc, argv);
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const auto folder =
      std::filesystem::path(parent) / ("arena_page_bench_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::vector<Voter> voters = Mint(folder / "arena.db", num_voters, votes_each);
  Json result;
  size_t num_counted = 0;
  {
    Mute speakers;
    net::Metrics metrics;
    Page page(folder / "arena.db", speakers, Unlimited(), metrics);
    net::HttpServerOptions http;
    http.num_handler_threads = 16;
    http.max_waiting_requests = 8192;
    net::HttpServer server(http);
    page.AddRoutes(server);
    server.Start();
    Crowd crowd(std::move(voters), server.port(), think_ms);
    crowd.Run();
    num_counted = crowd.num_counted();
    result = {{"voters", num_voters},
              {"votes", num_counted},
              {"think_ms", think_ms},
              {"votes_per_s", static_cast<double>(num_counted) / crowd.seconds()},
              {"p50_ms", crowd.Quantile(0.5)},
              {"p99_ms", crowd.Quantile(0.99)},
              {"max_ms", crowd.Quantile(1)}};
  }
  int64_t num_stored = 0;
  {
    Arena arena(folder / "arena.db");
    for (const Model& model : arena.Models()) num_stored += model.num_votes;
  }
  std::filesystem::remove_all(folder);
  std::printf("%s\n", result.dump(2).c_str());
  const bool is_right = num_stored == 2 * static_cast<int64_t>(num_counted) &&
                        num_counted == static_cast<size_t>(num_voters) * votes_each;
  if (!is_right) throw Error(ErrorKind::kFailed, "acknowledged and stored votes differ");
  return 0;
}

}  // namespace
}  // namespace agon::arena

int main(int argc, char** argv) { return agon::RunMain(agon::arena::Run, argc, argv); }
