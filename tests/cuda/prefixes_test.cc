// Which rows the backend reads a common beginning for once.
#include "policy/cuda/prefixes.h"

#include <numeric>

#include "tests/cuda/backend_fixture.h"
#include "tests/error_of.h"

namespace agon::policy::cuda {
namespace {

class CudaPrefixesTest : public KernelTest<Bf16> {
 protected:
  static constexpr int kSlots = 80;
  // Two heads for each of two heads of keys of 128: 32 keys a block, 1 KiB a key.
  CudaPrefixes Prefixes() { return {*space, {4, 2, 128}, kSlots}; }
  static std::vector<int32_t> Slots(int first, int count) {
    std::vector<int32_t> slots(static_cast<size_t>(count));
    std::iota(slots.begin(), slots.end(), first);
    return slots;
  }

  void SetUp() override {
    KernelTest::SetUp();
    if (IsSkipped()) return;
    gpu = std::make_unique<Gpu>(0);
    space = NewSpace(*gpu, {});
  }

  std::unique_ptr<Gpu> gpu;
  std::unique_ptr<Space> space;
};

TEST_F(CudaPrefixesTest, ArentWorthItForFewRows) {
  const auto prefixes = Prefixes();
  EXPECT_FALSE(prefixes.Tables({{{70, Slots(0, 65)}}}).empty());  // 64 times 64 keys
  EXPECT_TRUE(prefixes.Tables({{{70, Slots(0, 64)}}}).empty());
  EXPECT_TRUE(prefixes.Tables({{{63, Slots(0, 65)}}}).empty());  // a block of keys
  EXPECT_TRUE(prefixes.Tables({{{31, Slots(0, 80)}}}).empty());  // none
  EXPECT_TRUE(prefixes.Tables({}).empty());
}

TEST_F(CudaPrefixesTest, TilesHoldAllMembersOfAPrefixOnce) {
  auto prefixes = Prefixes();
  const std::vector<SharedPrefix> shared = {{4000, Slots(3, 40)}, {70, {50}}, {65, {48, 2, 60}}};
  const auto numbers = prefixes.Tables(shared);
  ASSERT_FALSE(numbers.empty());
  const auto at = [&](const int32_t* p) { return numbers.data() + (p - prefixes.data()); };
  const auto tables = prefixes.tables();
  const auto* tiles =
      reinterpret_cast<const PrefixTile*>(at(reinterpret_cast<const int32_t*>(tables.tiles)));
  ASSERT_EQ(*at(tables.num_tiles), 3);  // of 32, 8 and 3 members
  EXPECT_LE(3, prefixes.most_tiles());
  std::vector<int> counts, keys, slots;
  for (int i = 0; i < 3; ++i) {
    counts.push_back(tiles[i].num_members);
    keys.push_back(tiles[i].num_keys);
    slots.push_back(tiles[i].slot);
  }
  EXPECT_EQ(counts, (std::vector{32, 8, 3}));
  EXPECT_EQ(keys, (std::vector{4000, 4000, 64}));
  EXPECT_EQ(slots, (std::vector{3, 3, 48}));
  const int32_t* members = at(tables.members);
  std::vector<int32_t> expected = Slots(3, 40);
  expected.insert(expected.end(), {48, 2, 60});
  EXPECT_EQ(std::vector(members, members + 43), expected);
  const int32_t *num_keys = at(tables.num_keys), *rows = at(prefixes.rows());
  for (int slot = 0; slot < kSlots; ++slot) {
    const bool is_first = slot >= 3 && slot < 43, is_last = slot == 48 || slot == 2 || slot == 60;
    EXPECT_EQ(num_keys[slot], is_first ? 4000 : is_last ? 64 : 0) << slot;
    EXPECT_EQ(rows[slot], -1) << slot;
  }
}

TEST_F(CudaPrefixesTest, FitWhateverTheyAre) {
  auto prefixes = Prefixes();
  std::vector<SharedPrefix> pairs;
  for (int slot = 0; slot < kSlots; slot += 2) pairs.push_back({4000, Slots(slot, 2)});
  const auto numbers = prefixes.Tables(pairs);
  EXPECT_EQ(numbers[0], kSlots / 2);
  EXPECT_LE(kSlots / 2, prefixes.most_tiles());
  EXPECT_EQ(prefixes.Tables({{{4000, Slots(0, kSlots)}}})[0], 3);
}

}  // namespace
}  // namespace agon::policy::cuda
