// The table of rows that decode several tokens at once, on the CPU: its plain twin on CUDA is held
// against it.
#include "policy/row_table.h"

#include <gtest/gtest.h>

#include "tests/policy/tiny_policy.h"

namespace agon::policy {
namespace {

constexpr RngKey kTableKey{.run_seed = 9, .stream = RngStream::kSample, .step = 4};

float Uniform(uint64_t task, uint32_t sample, uint32_t position) {
  return kTableKey.WithTask(task).WithSample(sample).Uniform(position);
}

// Two places; row 0 may draw two tokens, row 1 is still fed one, row 2 waits.
TEST(RowTable, RowsEndAndOthersTakeTheirPlaces) {
  const auto cpu = NewCpuBackend(TinyConfig(), ComputeType::kFloat32);
  RowWindow window(*cpu);
  const std::vector<int32_t> fed = {44}, stops = {7};
  constexpr uint64_t kTask = (uint64_t{5} << 40) + 1;
  const std::vector<RowWindow::Row> rows = {
      {.task = kTask, .sample = 2, .count = 3, .limit = 5, .position = 10, .slot = 6},
      {.task = 8, .sample = 0, .count = 0, .limit = 9, .position = 4, .slot = 1, .fed = fed},
      {.task = 9, .sample = 1, .count = 0, .limit = 9, .position = 20, .slot = 3}};
  window.Send(rows, 2, 4, stops, kTableKey);
  const RowTable& t = window.table();
  EXPECT_EQ(t.uniforms[0], Uniform(kTask, 2, 3));
  EXPECT_EQ(t.uniforms[1], Uniform(8, 0, 0));
  const auto step = [&](int number, int32_t first, int32_t second) {
    window.tokens()[0] = first, window.tokens()[1] = second;
    window.logprobs()[0] = -1.0f - static_cast<float>(number), window.logprobs()[1] = -0.5f;
    cpu->AdvanceRows(t, number);
  };
  using Pair = std::pair<int32_t, int32_t>;
  const auto pair = [](const int32_t* p) { return Pair(p[0], p[1]); };

  step(0, 30, 31);  // row 0 goes on with what it drew, row 1 with what it is fed
  EXPECT_EQ(pair(t.next_tokens), Pair(30, 44));
  EXPECT_EQ(pair(t.next_positions), Pair(10, 4));
  EXPECT_EQ(pair(t.next_slots), Pair(6, 1));
  EXPECT_EQ(pair(t.sources), Pair(0, 1));
  EXPECT_EQ(t.uniforms[0], Uniform(kTask, 2, 4));
  EXPECT_EQ(t.uniforms[1], Uniform(8, 0, 0));

  step(1, 32, 33);  // row 0's fifth token: row 2 takes its place, and decodes nothing yet
  EXPECT_EQ(pair(t.next_tokens), Pair(0, 33));
  EXPECT_EQ(pair(t.next_slots), Pair(-1, 1));
  EXPECT_EQ(pair(t.sources), Pair(2, 1));
  EXPECT_EQ(t.uniforms[0], Uniform(9, 1, 0));

  step(2, 34, 7);  // row 1 stops, and nobody waits
  EXPECT_EQ(pair(t.next_tokens), Pair(34, 0));
  EXPECT_EQ(pair(t.next_positions), Pair(20, 0));
  EXPECT_EQ(pair(t.next_slots), Pair(3, -1));

  step(3, 35, 36);  // what an empty place draws is nobody's
  EXPECT_EQ(pair(t.next_slots), Pair(3, -1));
  const auto drawn = window.Read();
  ASSERT_EQ(drawn.size(), 6u);
  const std::vector<Pair> expected = {{0, 30}, {0, 32}, {1, 33}, {2, 34}, {1, 7}, {2, 35}};
  for (size_t i = 0; i < drawn.size(); ++i) {
    EXPECT_EQ(Pair(drawn[i].row, drawn[i].token), expected[i]) << i;
  }
  EXPECT_EQ(drawn[1].logprob, -2.0f);
  EXPECT_EQ(window.occupants(), (std::vector<int32_t>{2, -1}));
  EXPECT_EQ(window.next_waiting(), 3);
}

}  // namespace
}  // namespace agon::policy
