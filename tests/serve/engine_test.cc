// The engine: the same bits under any load, cancelling, bounds, scoring beside decoding.
#include "serve/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <future>
#include <thread>

#include "core/error.h"
#include "tests/error_of.h"
#include "tests/serve/tiny_model.h"

namespace agon::serve {
namespace {

using policy::Completion;

GenerateRequest RequestOf(int i) {
  GenerateRequest request;
  Rng rng({.run_seed = static_cast<uint64_t>(i), .stream = RngStream::kTest});
  request.prompt = policy::RandomTokens(rng, 1 + i % 40, 256);
  request.max_new_tokens = 1 + i % 30;
  request.sampling.temperature = i % 4 == 0 ? 0.0f : i % 4 == 1 ? 0.7f : 1.0f;
  request.sampling.top_k = i % 5 == 0 ? 7 : 0;
  request.sampling.top_p = i % 7 == 0 ? 0.9f : 1.0f;
  request.sampling.num_top = i % 3 == 0 ? 4 : 0;
  request.sampling.stop_token_ids = {static_cast<int32_t>(i % 256)};
  request.seed = static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull;
  request.num_samples = 1 + i % 3;
  return request;
}

// Waits for all of a request. Thread-safe.
std::vector<Completion> Generate(Engine& engine, const GenerateRequest& request) {
  std::vector<Completion> completions(static_cast<size_t>(request.num_samples));
  std::promise<void> ended;
  GenerateCallbacks callbacks;
  callbacks.on_completion = [&](Completion done) { completions[done.sample] = std::move(done); };
  callbacks.on_end = [&](const std::exception_ptr& error) {
    error ? ended.set_exception(error) : ended.set_value();
  };
  EXPECT_NE(engine.Generate(request, std::move(callbacks)), nullptr);
  ended.get_future().get();
  return completions;
}

policy::TokenScores Score(Engine& engine, const ScoreRequest& request) {
  std::promise<policy::TokenScores> scores;
  engine.Score(request, [&](policy::TokenScores got, const std::exception_ptr& error) {
    error ? scores.set_exception(error) : scores.set_value(std::move(got));
  });
  return scores.get_future().get();
}

bool Same(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    const bool same_top = std::equal(
        x.top.begin(), x.top.end(), y.top.begin(), y.top.end(),
        [](const auto& p, const auto& q) { return p.token == q.token && p.logprob == q.logprob; });
    return x.tokens == y.tokens && x.rollout_logprobs == y.rollout_logprobs && same_top &&
           x.finish_reason == y.finish_reason && x.sample == y.sample;
  });
}

TEST(EngineTest, TheLoadChangesNoBit) {
  constexpr int kNumRequests = 64;
  std::vector<std::vector<Completion>> alone;
  std::vector<policy::TokenScores> scored_alone;
  {
    Engine engine(TinyBytePolicy(), {.max_rows = 1});
    for (int i = 0; i < kNumRequests; ++i) {
      alone.push_back(Generate(engine, RequestOf(i)));
      scored_alone.push_back(Score(engine, {.tokens = RequestOf(i + 39).prompt, .num_top = 2}));
    }
  }
  Engine engine(TinyBytePolicy(), {.max_rows = 24, .score_tokens = 100});
  std::vector<std::vector<Completion>> together(kNumRequests);
  std::vector<policy::TokenScores> scored_together(kNumRequests);
  std::vector<std::thread> clients;
  for (int i = 0; i < kNumRequests; ++i) {
    clients.emplace_back([&, i] {
      const auto at = static_cast<size_t>(i);
      together[at] = Generate(engine, RequestOf(i));
      scored_together[at] = Score(engine, {.tokens = RequestOf(i + 39).prompt, .num_top = 2});
    });
  }
  for (std::thread& client : clients) client.join();
  for (size_t i = 0; i < kNumRequests; ++i) {
    EXPECT_TRUE(Same(alone[i], together[i])) << i;
    EXPECT_EQ(scored_alone[i].logprobs, scored_together[i].logprobs) << i;
    EXPECT_EQ(scored_alone[i].top.size(), scored_together[i].top.size()) << i;
  }
}

TEST(EngineTest, ScoresAreTheSamplersBits) {
  Engine engine(TinyBytePolicy(), {});
  GenerateRequest request = RequestOf(5);
  request.sampling = {.temperature = 0.8f, .num_top = 3};
  request.max_new_tokens = 40;
  request.num_samples = 1;
  const Completion done = Generate(engine, request)[0];
  ScoreRequest score{request.prompt, static_cast<int>(request.prompt.size()), 0.8f, 3};
  score.tokens.insert(score.tokens.end(), done.tokens.begin(), done.tokens.end());
  const policy::TokenScores scores = Score(engine, score);
  EXPECT_EQ(scores.logprobs, done.rollout_logprobs);
  ASSERT_EQ(scores.top.size(), done.top.size());
  ASSERT_EQ(scores.top.size(), 3 * done.tokens.size());
  for (size_t i = 0; i < scores.top.size(); ++i) {
    EXPECT_EQ(scores.top[i].token, done.top[i].token);
    EXPECT_EQ(scores.top[i].logprob, done.top[i].logprob);
    // In order, and where the sampled token is among them, with its own log-probability.
    EXPECT_GE(done.top[i / 3 * 3].logprob, done.top[i].logprob);
    if (done.top[i].token == done.tokens[i / 3]) {
      EXPECT_EQ(done.top[i].logprob, done.rollout_logprobs[i / 3]);
    }
  }
  // All there are, when more are asked for: a whole distribution, at the temperature.
  score.num_top = 1000;
  const policy::TokenScores all = Score(engine, score);
  ASSERT_EQ(all.top.size(), done.tokens.size() * 265);
  double mass = 0;
  for (size_t i = 0; i < 265; ++i) mass += std::exp(static_cast<double>(all.top[i].logprob));
  EXPECT_NEAR(mass, 1.0, 1e-4);
}

TEST(EngineTest, CallbacksEndACompletion) {
  std::promise<Completion> done;
  Engine engine(TinyBytePolicy(), {});
  GenerateRequest request = RequestOf(1);
  request.max_new_tokens = 100;
  request.sampling.stop_token_ids = {};
  request.num_samples = 1;
  GenerateCallbacks callbacks;
  callbacks.on_token = [](const Completion& so_far) { return so_far.tokens.size() < 5; };
  callbacks.on_completion = [&](Completion completion) { done.set_value(std::move(completion)); };
  engine.Generate(request, callbacks);
  const Completion completion = done.get_future().get();
  EXPECT_EQ(completion.tokens.size(), 5u);
  EXPECT_EQ(completion.finish_reason, policy::FinishReason::kStop);
}

TEST(EngineTest, CancellingEndsWhatRunsAndWhatWaits) {
  std::promise<void> begun, release, running_ended, waiting_ended;
  std::atomic<int> num_tokens{0}, num_completions{0};
  Engine engine(TinyBytePolicy(), {.max_rows = 1});
  GenerateRequest request = RequestOf(2);
  request.max_new_tokens = 100;
  request.sampling.stop_token_ids = {};
  request.num_samples = 1;
  GenerateCallbacks running;
  running.on_token = [&](const Completion&) {
    if (++num_tokens == 1) {
      begun.set_value();
      release.get_future().wait();
    }
    return true;
  };
  running.on_completion = [&](const Completion&) { ++num_completions; };
  running.on_end = [&](const std::exception_ptr&) { running_ended.set_value(); };
  GenerateCallbacks waiting;
  waiting.on_completion = [&](const Completion&) { ++num_completions; };
  waiting.on_end = [&](const std::exception_ptr&) { waiting_ended.set_value(); };
  const auto first = engine.Generate(request, running);
  const auto second = engine.Generate(request, waiting);
  begun.get_future().wait();
  first->Cancel();
  second->Cancel();
  release.set_value();
  running_ended.get_future().get();
  waiting_ended.get_future().get();
  EXPECT_EQ(num_tokens, 1);  // the one it was cancelled at
  EXPECT_EQ(num_completions, 0);
  EXPECT_EQ(Generate(engine, RequestOf(3)).size(), 1u);  // the engine goes on
}

TEST(EngineTest, TheQueueIsBounded) {
  std::atomic<int> num_ended{0};
  {
    // Outlive the engine, whose thread may come to them after the last line of this test.
    std::promise<void> begun, release;
    std::shared_future<void> released = release.get_future().share();
    std::atomic<bool> is_first{true};
    Engine engine(TinyBytePolicy(), {.max_rows = 1, .max_waiting = 2});
    GenerateCallbacks blocking;
    blocking.on_token = [&](const Completion&) {
      if (is_first.exchange(false)) {
        begun.set_value();
        released.wait();
      }
      return true;
    };
    blocking.on_end = [&](const std::exception_ptr&) { ++num_ended; };
    GenerateRequest request = RequestOf(4);
    EXPECT_NE(engine.Generate(request, blocking), nullptr);
    begun.get_future().wait();
    GenerateCallbacks counting;
    counting.on_end = [&](const std::exception_ptr&) { ++num_ended; };
    EXPECT_NE(engine.Generate(request, counting), nullptr);
    EXPECT_NE(engine.Score({.tokens = {1, 2}}, [&](auto, const auto&) { ++num_ended; }), nullptr);
    EXPECT_EQ(engine.Generate(request, counting), nullptr);
    EXPECT_EQ(engine.Score({.tokens = {1, 2}}, [&](auto, const auto&) { ++num_ended; }), nullptr);
    release.set_value();
  }
  EXPECT_EQ(num_ended, 3);  // the engine's end ends all it took
}

// An array of prompts is taken as a whole or not at all.
TEST(EngineTest, WorkIsTakenAsAWhole) {
  std::atomic<int> num_ended{0};
  const auto work_of = [&](int num_generations, int num_scorings) {
    EngineWork work;
    GenerateCallbacks counting;
    counting.on_end = [&](const std::exception_ptr&) { ++num_ended; };
    for (int i = 0; i < num_generations; ++i) work.generations.push_back({RequestOf(i), counting});
    for (int i = 0; i < num_scorings; ++i) {
      work.scorings.push_back({{.tokens = {1, 2}}, [&](auto, const auto&) { ++num_ended; }});
    }
    return work;
  };
  {
    Engine engine(TinyBytePolicy(), {.max_rows = 1, .max_waiting = 3});
    EXPECT_EQ(engine.max_waiting(), 3u);
    EXPECT_EQ(engine.Submit(work_of(2, 2)), nullptr);  // never, however empty the queue
    EngineWork broken = work_of(2, 0);
    broken.generations[1].request.prompt = {-1};
    EXPECT_NE(ErrorOf([&] { engine.Submit(broken); }, ErrorKind::kUsage), "");
    EXPECT_EQ(num_ended, 0);
    EXPECT_NE(engine.Submit(work_of(2, 1)), nullptr);
  }
  EXPECT_EQ(num_ended, 3);
  // One ticket cancels it all.
  Engine engine(TinyBytePolicy(), {.max_rows = 1});
  num_ended = 0;
  const auto ticket = engine.Submit(work_of(20, 0));
  ticket->Cancel();
  for (int i = 0; i < 5000 && num_ended < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(num_ended, 20);
}

// Rows that decode for long don't keep scores waiting, also while a prompt waits for a row.
TEST(EngineTest, ScoringComesBetweenSteps) {
  std::promise<void> begun;
  std::atomic<bool> is_over{false};
  std::atomic<int> num_scored{0}, num_at_end{-1};
  Engine engine(TinyBytePolicy(), {.max_rows = 1});
  GenerateRequest request = RequestOf(1);
  request.prompt = {1};
  request.max_new_tokens = 150;
  request.sampling.stop_token_ids = {};
  request.num_samples = 1;
  GenerateCallbacks callbacks;
  callbacks.on_token = [&](const Completion& so_far) {
    if (so_far.tokens.size() == 1) begun.set_value();
    // The first tokens take their time, so that the scores arrive while there are some left.
    if (so_far.tokens.size() < 100) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return true;
  };
  callbacks.on_end = [&](const std::exception_ptr&) {
    num_at_end = num_scored.load();
    is_over = true;
  };
  engine.Generate(request, callbacks);
  engine.Generate(request, {});
  begun.get_future().wait();
  for (int i = 0; i < 5; ++i) {
    Score(engine, {.tokens = {1, 2, 3}});
    ++num_scored;
  }
  while (!is_over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(num_at_end, 5);
}

TEST(EngineTest, RequestsThatCannotBeAreRefused) {
  Engine engine(TinyBytePolicy(), {.context_tokens = 20});
  EXPECT_EQ(engine.context_tokens(), 20);
  const auto generate = [&](GenerateRequest request) {
    return ErrorOf([&] { engine.Generate(request, {}); }, ErrorKind::kUsage);
  };
  EXPECT_TRUE(Contains(generate({}), "no token"));
  EXPECT_TRUE(Contains(generate({.prompt = {1, 2}, .max_new_tokens = 19}), "context of 20"));
  EXPECT_TRUE(Contains(generate({.prompt = {265}}), "token id 265"));
  EXPECT_TRUE(Contains(generate({.prompt = {-1}}), "token id -1"));
  GenerateRequest odd{.prompt = {1}};
  odd.sampling.top_p = 0;
  EXPECT_TRUE(Contains(generate(odd), "sampling"));
  odd.sampling = {.temperature = 1e-5f};
  EXPECT_TRUE(Contains(generate(odd), "sampling"));
  const auto score = [&](ScoreRequest request) {
    return ErrorOf([&] { engine.Score(request, {}); }, ErrorKind::kUsage);
  };
  EXPECT_TRUE(Contains(score({.tokens = {1, 2}, .begin = 0}), "scored"));
  EXPECT_TRUE(Contains(score({.tokens = std::vector<int32_t>(21, 1)}), "context"));
}

TEST(EngineTest, CountsWhatItDoes) {
  net::Metrics metrics;
  Engine engine(TinyBytePolicy(), {.name = "m", .metrics = &metrics});
  GenerateRequest request = RequestOf(1);
  const auto done = Generate(engine, request);
  Score(engine, {.tokens = {1, 2, 3}});
  size_t num_tokens = 0;
  for (const Completion& completion : done) num_tokens += completion.tokens.size();
  const std::string text = metrics.Text();
  const auto line = [](const char* name, size_t value) {
    return std::string(name) + "{model=\"m\"} " + std::to_string(value) + "\n";
  };
  EXPECT_TRUE(Contains(text, line("agon_engine_prompt_tokens_total", request.prompt.size())));
  EXPECT_TRUE(Contains(text, line("agon_engine_sampled_tokens_total", num_tokens)));
  EXPECT_TRUE(Contains(text, line("agon_engine_scored_tokens_total", 2)));
  EXPECT_TRUE(Contains(text, line("agon_engine_first_token_seconds_count", 1)));
  EXPECT_TRUE(Contains(text, line("agon_engine_waiting_requests", 0)));
}

}  // namespace
}  // namespace agon::serve
