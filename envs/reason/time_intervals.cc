// reason/time_intervals: how long it is from one time to another, and when it ends.
//
//   How long is it from 9:40 to 13:05?        9:40+0:20=10:00, 10:00+3:05=13:05
//   Answer: 3:25
//
// Difficulty 0: full five minutes in the same half of the day; 1: any minutes of one day;
// 2: past midnight.
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/reason/text.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 3;
constexpr int64_t kDay = 24 * 60, kHour = 60;

// "9:05"; times past midnight come round.
std::string Clock(int64_t minutes) {
  const int64_t rest = minutes % kHour;
  return std::to_string(minutes % kDay / kHour) + (rest < 10 ? ":0" : ":") + std::to_string(rest);
}

struct Interval {
  int64_t start, length;
};

Interval DrawInterval(Rng& rng, int difficulty) {
  if (difficulty == 0) {
    const int64_t half = kDay / 2 * static_cast<int64_t>(rng.Below(2));
    const int64_t start = rng.Between(0, 131) * 5;
    return {half + start, rng.Between(1, (kDay / 2 - start) / 5 - 1) * 5};
  }
  if (difficulty == 1) {
    const int64_t start = rng.Between(0, kDay - 10);
    return {start, rng.Between(2, kDay - 1 - start)};
  }
  const int64_t start = rng.Between(kDay / 2, kDay - 10);
  return {start, rng.Between(kDay - start, kDay / 2 + 500)};
}

// To the full hour first, then the rest.
std::string StepOf(const Interval& interval) {
  const auto [start, length] = interval;
  const int64_t end = start + length, full = (start + kHour - 1) / kHour * kHour;
  if (full == start || full > end) return Clock(start) + "+" + Clock(length) + "=" + Clock(end);
  return Clock(start) + "+" + Clock(full - start) + "=" + Clock(full) + ", " + Clock(full) + "+" +
         Clock(end - full) + "=" + Clock(end);
}

std::string IdentityOf(const Interval& interval) {
  return Clock(interval.start) + "+" + Clock(interval.length);
}

Problem Length(Rng& rng, int difficulty) {
  const Interval interval = DrawInterval(rng, difficulty);
  const std::string from = Clock(interval.start), to = Clock(interval.start + interval.length);
  std::string question = rng.Below(2) == 0 ? "How long is it from " + from + " to " + to + "?"
                                           : "A train leaves at " + from + " and arrives at " + to +
                                                 ". How long does it take?";
  return {
      std::move(question), Clock(interval.length), {StepOf(interval)}, {}, IdentityOf(interval)};
}

Problem End(Rng& rng, int difficulty) {
  const Interval interval = DrawInterval(rng, difficulty);
  const std::string from = Clock(interval.start), length = Clock(interval.length);
  std::string question =
      rng.Below(2) == 0
          ? "What time is it " + length + " hours after " + from + "?"
          : "A film starts at " + from + " and takes " + length + " hours. When does it end?";
  return {std::move(question),
          Clock(interval.start + interval.length),
          {StepOf(interval)},
          {},
          IdentityOf(interval)};
}

// Minutes of "h:mm" or "hh:mm".
std::optional<int64_t> MinutesOf(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon > 2 || text.size() != colon + 3) return {};
  int64_t hours = 0, minutes = 0;
  const char* middle = text.data() + colon;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), middle, hours).ptr != middle) return {};
  if (std::from_chars(middle + 1, end, minutes).ptr != end || hours < 0 || minutes < 0) return {};
  if (minutes >= kHour) return {};
  return hours * kHour + minutes;
}

Verdict VerifyClock(std::string_view answer, const std::vector<int64_t>& /*given*/,
                    std::string_view completion) {
  ExtractedAnswer found = ExtractText(completion);
  std::string_view text = found.text;
  if (text.ends_with('.')) text.remove_suffix(1);
  const auto minutes = MinutesOf(text);
  const bool correct = minutes && minutes == MinutesOf(answer);
  return Judged(std::move(found), correct   ? ""
                                  : minutes ? "wrong, the answer is " + std::string(answer)
                                            : "not a time like 3:25");
}

std::unique_ptr<Env> MakeTimeIntervals(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "reason/time_intervals-v1";
  spec.info.summary = "How long it is from one time to another, and when it ends";
  spec.info.num_difficulties = kNumDifficulties;
  spec.families = {{"length", Length, 0.03}, {"end", End, 0.03}};
  spec.verify = VerifyClock;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("reason/time_intervals-v1", MakeTimeIntervals);

}  // namespace
}  // namespace agon::envs
