// math/shop: short stories of buying, sharing and counting.
//
//   Emily buys 3 apples and 2 oranges. Each orange costs $2. The total is $13.
//   What is the cost of an apple?        2*2=4  13-4=9  9/3=3  Answer: 3
//
// The numbers are chosen so that every single step is a fact a small model can learn
// (sums below 100, the multiplication table up to 9x9) while the answer takes several of
// them: thinking pays, guessing doesn't. Answers are whole numbers >= 0. Steps stand in
// the order in which the story tells the numbers.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "envs/math/word_problem.h"
#include "envs/problem_env.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 4;

// Sentences with numbers that don't matter come with the harder problems.
void MaybeDistract(Rng& rng, int difficulty, Story& story) {
  constexpr std::array<double, kNumDifficulties> kRate = {0, 0.25, 0.5, 0.5};
  if (rng.Uniform() < kRate[static_cast<size_t>(difficulty)]) story.Distract(rng);
}

Problem Finish(Rng& rng, int difficulty, Story& story, std::string_view question, Steps& steps,
               int64_t answer) {
  MaybeDistract(rng, difficulty, story);
  Problem problem{story.Ask(question), std::to_string(answer), steps.Take(), {}, ""};
  // Other names and things don't make another problem, another calculation does.
  for (const std::string& step : problem.steps) problem.identity += step + " ";
  return problem;
}

// Tells `num_events` gains and losses of {a} and returns what is there at the end.
int64_t TellEvents(Rng& rng, int64_t num_events, int64_t count, Story& story, Steps& steps) {
  constexpr int64_t kHigh = 50;  // above, things only get fewer
  for (int64_t i = 0; i < num_events; ++i) {
    const int64_t amount = rng.Between(1, 9);
    const bool is_loss = count >= amount && (count > kHigh || rng.Below(2) == 0);
    if (is_loss) {
      story.SayOne(rng,
                   {"{A} loses #.", "{A} gives # to {b}.", "{A} sells #.", "{A} gives away #."},
                   {amount});
    } else {
      story.SayOne(
          rng,
          {"{A} buys # more.", "{A} gets # from {c}.", "{A} finds # more.", "{A} gets # more."},
          {amount});
    }
    count = steps.Apply(count, is_loss ? '-' : '+', amount);
  }
  return count;
}

Problem RunningTotal(Rng& rng, int difficulty) {
  constexpr std::array<std::pair<int, int>, kNumDifficulties> kNumEvents = {
      {{1, 2}, {2, 3}, {3, 4}, {4, 6}}};
  const auto [low, high] = kNumEvents[static_cast<size_t>(difficulty)];
  Story story(rng);
  Steps steps;
  const int64_t start = rng.Between(2, 20);
  story.SayOne(rng, {"{a} has # {x}.", "{a} buys # {x}."}, {start});
  const int64_t count = TellEvents(rng, rng.Between(low, high), start, story, steps);
  return Finish(rng, difficulty, story, "How many {x} does {a} have now?", steps, count);
}

Problem Boxes(Rng& rng, int difficulty) {
  constexpr std::array<std::pair<int, int>, kNumDifficulties> kNumEvents = {
      {{0, 0}, {1, 2}, {2, 3}, {3, 5}}};
  const auto [low, high] = kNumEvents[static_cast<size_t>(difficulty)];
  Story story(rng);
  Steps steps;
  const int64_t num_boxes = rng.Between(2, difficulty == 0 ? 9 : 6);
  const int64_t per_box = rng.Between(2, difficulty == 0 ? 9 : 6);
  story.SayOne(rng, {"{a} has # boxes of # {x}.", "{a} buys # bags of # {x}."},
               {num_boxes, per_box});
  const int64_t start = steps.Apply(num_boxes, '*', per_box);
  const int64_t count = TellEvents(rng, rng.Between(low, high), start, story, steps);
  return Finish(rng, difficulty, story, "How many {x} does {a} have now?", steps, count);
}

struct Purchase {
  int64_t count = 0, price = 0;
};

Purchase DrawPurchase(Rng& rng) { return {rng.Between(2, 5), rng.Between(2, 5)}; }

Problem BasketTotal(Rng& rng, int difficulty) {
  Story story(rng);
  Steps steps;
  const Purchase first =
      difficulty == 0 ? Purchase{rng.Between(2, 9), rng.Between(2, 9)} : DrawPurchase(rng);
  story.SayOne(rng, {"{a} buys # {x} for $# each.", "{a} buys # {x} at $# each."},
               {first.count, first.price});
  int64_t total = steps.Apply(first.count, '*', first.price);
  if (difficulty >= 2) {
    const Purchase second = DrawPurchase(rng);
    story.Say("{A} buys # {y} for $# each.", {second.count, second.price});
    total = steps.Apply(total, '+', steps.Apply(second.count, '*', second.price));
  }
  if (difficulty == 1 || difficulty == 3) {
    const int64_t price = rng.Between(1, 9);
    story.SayOne(rng, {"{A} buys a bag for $#.", "A bag costs $# more."}, {price});
    total = steps.Apply(total, '+', price);
  }
  if (difficulty == 3 && rng.Below(2) == 0) {
    const int64_t coupon = rng.Between(1, 9);
    story.Say("A coupon saves $#.", {coupon});
    total = steps.Apply(total, '-', coupon);
  }
  return Finish(rng, difficulty, story, "How many dollars does {a} pay?", steps, total);
}

Problem Change(Rng& rng, int difficulty) {
  constexpr std::array<int64_t, 4> kBills = {20, 30, 50, 60};
  Story story(rng);
  Steps steps;
  const Purchase first = DrawPurchase(rng), second = DrawPurchase(rng);
  const int64_t bag = rng.Between(1, difficulty == 0 ? 19 : 9);
  const bool has_first = difficulty >= 1, has_second = difficulty == 3 || rng.Below(2) == 0;
  const bool buys_second = difficulty >= 2 && has_second;
  const bool buys_bag = difficulty == 0 || difficulty == 3 || (difficulty == 2 && !has_second);
  const int64_t cost = (has_first ? first.count * first.price : 0) +
                       (buys_second ? second.count * second.price : 0) + (buys_bag ? bag : 0);
  int64_t money = kBills[rng.Below(kBills.size())];
  if (money < cost) money = kBills.back();
  story.SayOne(rng, {"{a} has $#.", "{a} goes to the shop with $#."}, {money});
  if (has_first) {
    story.Say("{A} buys # {x} for $# each.", {first.count, first.price});
    money = steps.Apply(money, '-', steps.Apply(first.count, '*', first.price));
  }
  if (buys_second) {
    story.Say("{A} buys # {y} for $# each.", {second.count, second.price});
    money = steps.Apply(money, '-', steps.Apply(second.count, '*', second.price));
  }
  if (buys_bag) {
    story.SayOne(rng, {"{A} buys a bag for $#.", "{A} pays $# for a bag."}, {bag});
    money = steps.Apply(money, '-', bag);
  }
  return Finish(rng, difficulty, story, "How many dollars does {a} have left?", steps, money);
}

Problem UnknownPrice(Rng& rng, int difficulty) {
  Story story(rng);
  Steps steps;
  const int64_t high = difficulty < 2 ? 9 : 6;
  const int64_t count = rng.Between(2, high), price = rng.Between(2, high);
  const Purchase other = DrawPurchase(rng);
  const int64_t bag = rng.Between(1, 9);
  const bool has_bag = difficulty == 1 || (difficulty == 3 && rng.Below(2) == 0);
  const int64_t total =
      count * price + (difficulty >= 2 ? other.count * other.price : 0) + (has_bag ? bag : 0);
  int64_t rest = total;
  if (difficulty >= 2) {
    story.Say("{a} buys # {x} and # {y}.", {count, other.count});
    story.SayOne(rng, {"Each {1y} costs $#.", "One {1y} is $#."}, {other.price});
  } else {
    story.Say("{a} buys # {x}.", {count});
  }
  if (has_bag) story.Say("A bag costs $# more.", {bag});
  const bool gets_change = difficulty == 3 && (!has_bag || rng.Below(2) == 0);
  if (gets_change) {
    const int64_t back = rng.Between(1, 9);
    story.Say("{A} pays $# and gets $# back.", {total + back, back});
    rest = steps.Apply(total + back, '-', back);
  } else {
    story.SayOne(rng, {"The total is $#.", "{A} pays $#."}, {total});
  }
  if (difficulty >= 2) rest = steps.Apply(rest, '-', steps.Apply(other.count, '*', other.price));
  if (has_bag) rest = steps.Apply(rest, '-', bag);
  return Finish(rng, difficulty, story, "How many dollars is one {1x}?", steps,
                steps.Apply(rest, '/', count));
}

Problem Share(Rng& rng, int difficulty) {
  Story story(rng);
  Steps steps;
  const int64_t num_friends = rng.Between(2, difficulty == 0 ? 9 : 6);
  const int64_t share = rng.Between(2, difficulty == 0 ? 9 : 6);
  const int64_t total = num_friends * share;
  if (difficulty == 0) {
    story.Say("{a} has # {x}.", {total});
  } else if (difficulty == 1) {
    const int64_t later = rng.Between(1, std::min<int64_t>(9, total - 2));
    story.Say("{a} has # {x}.", {total - later});
    story.SayOne(rng, {"{A} buys # more.", "{A} gets # more."}, {later});
    steps.Apply(total - later, '+', later);
  } else {
    // The boxes hold a little more or less than what is shared.
    const int64_t num_boxes = rng.Between(2, 5), per_box = rng.Between(2, 5);
    story.Say("{a} has # boxes of # {x}.", {num_boxes, per_box});
    int64_t count = steps.Apply(num_boxes, '*', per_box);
    const char op = count < total ? '+' : '-';
    int64_t gap = std::abs(total - count);
    if (gap > 9 || gap == 0) {
      const int64_t part = gap == 0 ? rng.Between(1, 3) : gap / 2;
      story.Say(op == '+' ? "{A} buys # more." : "{A} loses #.", {part});
      count = steps.Apply(count, op, part);
      gap = std::abs(total - count);
    }
    story.Say(count < total ? "{A} finds # more." : "{A} sells #.", {gap});
    steps.Apply(count, count < total ? '+' : '-', gap);
  }
  story.SayOne(rng, {"{A} shares them among # friends.", "# friends share them."}, {num_friends});
  int64_t answer = steps.Apply(total, '/', num_friends);
  if (difficulty < 3) {
    return Finish(rng, difficulty, story, "How many {x} does each get?", steps, answer);
  }
  const int64_t used = rng.Between(1, answer);
  story.Say("One of them is {b}. Then {b} loses #.", {used});
  answer = steps.Apply(answer, '-', used);
  return Finish(rng, difficulty, story, "How many {x} does {b} have left?", steps, answer);
}

// "Tom has 3 more {x} than Emily": tells it and returns Tom's number.
int64_t TellComparison(Rng& rng, int64_t known, std::array<std::string_view, 3> patterns,
                       Story& story, Steps& steps) {
  const int64_t amount = rng.Between(1, 9);
  if (known <= 9 && rng.Below(3) == 0) {
    const int64_t factor = rng.Between(2, 4);
    story.Say(patterns[2], {factor});
    return steps.Apply(factor, '*', known);
  }
  const bool is_fewer = known >= amount && rng.Below(2) == 0;
  story.Say(patterns[is_fewer ? 1 : 0], {amount});
  return steps.Apply(known, is_fewer ? '-' : '+', amount);
}

Problem Compare(Rng& rng, int difficulty) {
  Story story(rng);
  Steps steps;
  const int64_t a = rng.Between(2, 12);
  story.Say("{a} has # {x}.", {a});
  const int64_t b = TellComparison(
      rng, a,
      {"{b} has # more than {a}.", "{b} has # fewer than {a}.", "{b} has # times as many as {a}."},
      story, steps);
  if (difficulty == 0) {
    return Finish(rng, difficulty, story, "How many {x} does {b} have?", steps, b);
  }
  if (difficulty == 1) {
    return Finish(rng, difficulty, story, "How many {x} do {a} and {b} have?", steps,
                  steps.Apply(a, '+', b));
  }
  const int64_t c = TellComparison(
      rng, b,
      {"{c} has # more than {b}.", "{c} has # fewer than {b}.", "{c} has # times as many as {b}."},
      story, steps);
  if (difficulty == 2) {
    return Finish(rng, difficulty, story, "How many {x} do {a} and {c} have?", steps,
                  steps.Apply(a, '+', c));
  }
  const int64_t all = steps.Apply(steps.Apply(a, '+', b), '+', c);
  return Finish(rng, difficulty, story, "How many {x} do they all have?", steps, all);
}

std::unique_ptr<Env> MakeShop(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "math/shop-v1";
  spec.info.summary = "Short stories of buying, sharing and counting; whole-number answers";
  spec.info.num_difficulties = kNumDifficulties;
  constexpr double kFewAnswers = 0.2;  // a quotient is at most 9
  spec.families = {{"running_total", RunningTotal},
                   {"boxes", Boxes},
                   {"basket_total", BasketTotal},
                   {"change", Change},
                   {"share", Share, kFewAnswers},
                   {"unknown_price", UnknownPrice, kFewAnswers},
                   {"compare", Compare}};
  spec.verify = VerifyNumber;
  return MakeProblemEnv(std::move(spec), params);
}

REGISTER_ENV("math/shop-v1", MakeShop);

}  // namespace
}  // namespace agon::envs
