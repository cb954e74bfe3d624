// Where pieces of a backend's memory come from.
#include "core/error.h"
#include "policy/cuda/region.h"
#include "tests/cuda/backend_fixture.h"
#include "tests/error_of.h"

namespace agon::policy::cuda {
namespace {

TEST(Region, TakesTheFirstRoomThatIsLargeEnough) {
  alignas(kPieceAlignment) static char block[8 * kPieceAlignment];
  Region region(block, sizeof block);
  const auto at = [](int piece) { return block + piece * static_cast<int>(kPieceAlignment); };
  EXPECT_EQ(region.Take(1), at(0));
  EXPECT_EQ(region.Take(2 * kPieceAlignment), at(1));
  EXPECT_EQ(region.Take(kPieceAlignment + 1), at(3));
  region.Give(at(1));
  EXPECT_EQ(region.Take(3 * kPieceAlignment), at(5));
  EXPECT_EQ(region.Take(kPieceAlignment), at(1));
  EXPECT_EQ(region.Take(2 * kPieceAlignment), nullptr);  // one between two, none at the end
  EXPECT_EQ(region.Take(kPieceAlignment), at(2));
  EXPECT_EQ(region.Take(1), nullptr);
  region.Give(at(0));
  region.Give(at(1));
  EXPECT_EQ(region.Take(kPieceAlignment + 1), at(0));
}

class CudaSpace : public KernelTest<float> {};

TEST_F(CudaSpace, APlannedRoomHoldsWhatWasTriedOnPaper) {
  const auto take = [](const Room& room, std::vector<char*>* pieces) {
    auto backend = std::make_unique<CudaBackend>(TinyConfig(), ComputeType::kFloat32, 0, room);
    auto big = backend->NewMemory("big"), small = backend->NewMemory("small");
    if (pieces) *pieces = {big->Get(5000), small->Get(300)};
    if (!pieces) big->Get(5000), small->Get(300);
    big.reset();
    auto other = backend->NewMemory("other");
    char* in_its_place = other->Get(4000);
    if (pieces) pieces->push_back(in_its_place);
    other.reset();
    return backend->Memory();
  };
  const auto uses = take({.kind = Room::Kind::kPaper}, nullptr);
  ASSERT_EQ(uses.size(), 3u);
  EXPECT_EQ(uses[1].purpose, "big");
  EXPECT_EQ(uses[1].bytes, 5120);
  EXPECT_EQ(uses[2].bytes, 512);
  std::vector<char*> pieces;
  take({Room::Kind::kPlanned, uses}, &pieces);
  EXPECT_EQ(pieces[1], pieces[0] + 5120);
  EXPECT_EQ(pieces[2], pieces[0]);

  CudaBackend backend(TinyConfig(), ComputeType::kFloat32, 0, {Room::Kind::kPlanned, uses});
  const auto big = backend.NewMemory("big");
  EXPECT_EQ(big->Get(5000), big->Get(5100));
  EXPECT_TRUE(Contains(ErrorOf([&] { big->Get(5121); }, ErrorKind::kFailed),
                       "5121 bytes for big were asked for, but 5120 were planned"));
  std::vector<char> zeros(5000);
  backend.Download(zeros.data(), big->Get(5000), zeros.size());
  EXPECT_EQ(zeros, std::vector<char>(5000));
}

// Any batch's tiles fit what is reserved for its tokens.
TEST_F(CudaSpace, TilesOfKeysAreNeverMoreThanWasReserved) {
  Rng rng({.run_seed = 4, .stream = RngStream::kTest});
  for (int i = 0; i < 200; ++i) {
    const int sharers = 1 + static_cast<int>(rng.Below(12)), longest = 1 << rng.Below(8);
    PackedBatch batch;
    const auto tokens = [&] {
      return std::vector<int32_t>(1 + rng.Below(static_cast<uint64_t>(longest)));
    };
    for (int group = 0; group < 4; ++group) {
      const auto count = 1 + rng.Below(static_cast<uint64_t>(sharers));
      std::vector<std::vector<int32_t>> completions;
      for (uint64_t j = 0; j < count; ++j) completions.push_back(tokens());
      AppendGroup(tokens(), completions, batch);
    }
    const KeyTiles keys = MakeKeyTiles(batch.segments);
    const auto rows = static_cast<int>(batch.tokens.size());
    EXPECT_LE(keys.tiles.size(), batch.tokens.size());
    EXPECT_LE(static_cast<int64_t>(keys.ranges.size()), MostQueryRanges(rows, sharers));
    EXPECT_LE(MakeAttentionTiles(batch.segments, {4, 2, 32}).size(), batch.tokens.size());
  }
}

}  // namespace
}  // namespace agon::policy::cuda
