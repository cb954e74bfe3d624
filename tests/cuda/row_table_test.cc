// The table of rows on CUDA, against the CPU's, whatever the order of threads.
#include "policy/row_table.h"

#include "tests/cuda/backend_fixture.h"

namespace agon::policy::cuda {
namespace {

class RowTableOp : public KernelTest<float> {};

constexpr int kSteps = 6;
constexpr RngKey kTableKey{.run_seed = 0x123456789abcull, .stream = RngStream::kSample, .step = 7};

struct Outcome {
  std::vector<RowWindow::Drawn> drawn;
  std::vector<int32_t> occupants, next, sources, slot_rows;
  std::vector<float> uniforms;
  int next_waiting = 0;
};

// Steps over random tables of `places` places.
Outcome Advance(Backend& backend, int places, int waiting) {
  Rng rng({.run_seed = 11, .stream = RngStream::kTest, .task = static_cast<uint64_t>(places)});
  const std::vector<int32_t> prompt = {1, 2, 3, 4}, stops = {0, 5, 6};
  std::vector<RowWindow::Row> rows;
  for (int i = 0; i < places + waiting; ++i) {
    rows.push_back({.task = rng.Next64(),
                    .sample = rng.Next32(),
                    .count = static_cast<int>(rng.Below(3)),
                    .limit = 3 + static_cast<int>(rng.Below(6)),
                    .position = static_cast<int>(rng.Below(100)),
                    .slot = i});
    if (i < places) rows.back().fed = std::span(prompt).first(rng.Below(5));
  }
  RowWindow window(backend);
  window.Send(rows, places, kSteps, stops, kTableKey);
  const auto count = static_cast<size_t>(places);
  const auto slot_rows = backend.NewMemory("test");
  const std::vector<int32_t> nowhere(rows.size(), -1);
  window.table().slot_rows = reinterpret_cast<int32_t*>(slot_rows->Get(4 * nowhere.size()));
  backend.Upload(window.table().slot_rows, nowhere.data(), 4 * nowhere.size());
  Outcome outcome;
  const auto keep = [&](const int32_t* from, std::vector<int32_t>& to) {
    to.resize(to.size() + count);
    backend.Download(to.data() + to.size() - count, from, count * 4);
  };
  for (int step = 0; step < kSteps; ++step) {
    std::vector<int32_t> tokens;
    for (size_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(rng.Below(30)));
    const auto logprobs = Normals(static_cast<uint64_t>(step), count);
    backend.Upload(window.tokens(), tokens.data(), count * 4);
    backend.Upload(window.logprobs(), logprobs.data(), count * 4);
    const RowTable& t = window.table();
    backend.AdvanceRows(t, step);
    for (const int32_t* next : {t.next_tokens, t.next_positions, t.next_slots}) {
      keep(next, outcome.next);
    }
    keep(t.sources, outcome.sources);
    std::vector<int32_t> decoded(rows.size());
    backend.Download(decoded.data(), t.slot_rows, 4 * decoded.size());
    outcome.slot_rows.insert(outcome.slot_rows.end(), decoded.begin(), decoded.end());
    for (size_t slot = 0; slot < decoded.size(); ++slot) {
      if (decoded[slot] < 0) continue;
      const size_t next_slots = outcome.next.size() - count;
      EXPECT_EQ(outcome.next[next_slots + static_cast<size_t>(decoded[slot])], slot);
    }
    outcome.uniforms.resize(outcome.uniforms.size() + count);
    backend.Download(outcome.uniforms.data() + outcome.uniforms.size() - count, t.uniforms,
                     count * 4);
  }
  outcome.drawn = window.Read();
  outcome.occupants = window.occupants();
  outcome.next_waiting = window.next_waiting();
  return outcome;
}

TEST_F(RowTableOp, FollowsTheCpuBitForBit) {
  CudaBackend gpu(TinyConfig(), ComputeType::kFloat32, 0);
  const auto cpu = Reference();
  for (const auto& [places, waiting] : {std::pair{1, 0}, {3, 2}, {40, 7}, {256, 300}, {517, 64}}) {
    const Outcome expected = Advance(*cpu, places, waiting), got = Advance(gpu, places, waiting);
    ASSERT_EQ(got.drawn.size(), expected.drawn.size()) << places;
    for (size_t i = 0; i < got.drawn.size(); ++i) {
      EXPECT_EQ(got.drawn[i].row, expected.drawn[i].row) << places;
      EXPECT_EQ(got.drawn[i].token, expected.drawn[i].token) << places;
      EXPECT_EQ(got.drawn[i].logprob, expected.drawn[i].logprob) << places;
    }
    EXPECT_EQ(got.occupants, expected.occupants) << places;
    EXPECT_EQ(got.next, expected.next) << places;
    EXPECT_EQ(got.sources, expected.sources) << places;
    EXPECT_EQ(got.slot_rows, expected.slot_rows) << places;
    EXPECT_TRUE(SameBits(got.uniforms, expected.uniforms)) << places;
    EXPECT_EQ(got.next_waiting, expected.next_waiting) << places;
  }
}

}  // namespace
}  // namespace agon::policy::cuda
