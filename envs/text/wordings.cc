#include "envs/text/wordings.h"

#include <array>

#include "core/error.h"

namespace agon::envs {
namespace {

constexpr std::array<std::string_view, 8> kBefore = {
    "", "Hello! ", "Excuse me: ", "One question: ", "Quickly: ", "Tell me: ", "I am {}. ", "So: "};
constexpr std::array<std::string_view, 3> kBehind = {"", " Thanks.", " Please."};
constexpr size_t kNumFrames = kBefore.size() * kBehind.size();
constexpr size_t kPeriod = 8;

constexpr std::array<std::string_view, 24> kFirstNames = {
    "Ada",  "Ben",  "Cora", "Dirk", "Elsa", "Fred", "Gwen", "Hugo", "Iris", "Jack", "Kate", "Lars",
    "Mona", "Nils", "Olga", "Paul", "Rosa", "Sven", "Tina", "Udo",  "Vera", "Walt", "Yara", "Zeno"};

// Steps of three meet all of eight: every core has three frames of a split, no two cores next to
// each other the same.
Split SplitOfPair(size_t frame, size_t core) {
  switch ((frame + 3 * core) % kPeriod) {
    case 0:
      return Split::kTest;
    case 1:
      return Split::kVal;
    default:
      return Split::kTrain;
  }
}

}  // namespace

std::string Filled(std::string_view text, std::string_view value) {
  const size_t at = text.find("{}");
  AGON_CHECK(at != std::string_view::npos, text);
  std::string filled(text.substr(0, at));
  return filled.append(value).append(text.substr(at + 2));
}

std::string DrawWording(Rng& rng, Split split, std::span<const std::string_view> cores) {
  AGON_CHECK(!cores.empty());
  for (;;) {
    const size_t core = rng.Below(cores.size()), frame = rng.Below(kNumFrames);
    if (SplitOfPair(frame, core) != split) continue;
    std::string before(kBefore[frame / kBehind.size()]);
    if (before.find("{}") != std::string::npos) {
      before = Filled(before, kFirstNames[rng.Below(kFirstNames.size())]);
    }
    return before.append(cores[core]).append(kBehind[frame % kBehind.size()]);
  }
}

int64_t NumWordings(size_t num_cores) {
  size_t num_before = 0;
  for (const std::string_view before : kBefore) {
    num_before += before.find("{}") == std::string_view::npos ? 1 : kFirstNames.size();
  }
  return static_cast<int64_t>(num_before * kBehind.size() * num_cores);
}

std::span<const std::string_view> FirstNames() { return kFirstNames; }

}  // namespace agon::envs
