// tool/calculator: calculations too long for the head, in figures and in words.
//
//   A box holds 24 pens. Emily buys 137 boxes. She finds 55 more pens. How many pens does
//   Emily have?
//   <tool_call>24*137+55</tool_call>  3343  Answer: 3343
//
// The calculator is exact (envs/math/expression.h). In figures the call is a copy; in words
// the difficulty lies in writing the right expression. Answers are whole numbers >= 0.
// Difficulty 0 takes one operation, 1 two, 2 three, 3 as many with bigger numbers and
// sentences that don't matter.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "envs/math/expression.h"
#include "envs/math/word_problem.h"
#include "envs/tool/tool_env.h"

namespace agon::envs {
namespace {

constexpr int kNumDifficulties = 4;
constexpr int kMaxTurns = 6;

std::string Text(int64_t number) { return std::to_string(number); }

// A calculation as it is done one call a time.
class Calls {
 public:
  int64_t Apply(int64_t a, char op, int64_t b) {
    calls_.push_back(Text(a) + op + Text(b));
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
  }
  std::vector<std::string> Take() { return std::move(calls_); }

 private:
  std::vector<std::string> calls_;
};

Problem Finish(std::string question, const std::string& expression, int64_t answer, Calls& calls) {
  return {std::move(question), Text(answer), calls.Take(), {}, expression, {expression}};
}

Problem FinishStory(Rng& rng, int difficulty, Story& story, std::string_view question,
                    const std::string& expression, int64_t answer, Calls& calls) {
  if (difficulty == 3) story.Distract(rng);
  return Finish(story.Ask(question), expression, answer, calls);
}

// A count of two digits, at the highest difficulty of three.
int64_t DrawCount(Rng& rng, int difficulty) {
  return difficulty < 3 ? rng.Between(12, 99) : rng.Between(101, 999);
}
int64_t DrawHundreds(Rng& rng, int difficulty) {
  return difficulty < 3 ? rng.Between(101, 999) : rng.Between(1001, 9999);
}

// "What is 384*27+19?"
Problem Figures(Rng& rng, int difficulty) {
  const int64_t a = DrawHundreds(rng, difficulty), b = DrawCount(rng, difficulty);
  const int64_t c = DrawHundreds(rng, difficulty), d = DrawCount(rng, difficulty);
  Calls calls;
  std::string expression;
  int64_t value = 0;
  if (difficulty == 0) {
    const char op = rng.Below(2) == 0 ? '*' : '+';
    expression = Text(a) + op + Text(op == '*' ? b : c);
    value = calls.Apply(a, op, op == '*' ? b : c);
  } else if (difficulty == 1) {
    expression = Text(a) + "*" + Text(b) + "+" + Text(c);
    value = calls.Apply(calls.Apply(a, '*', b), '+', c);
  } else if (rng.Below(2) == 0) {
    expression = "(" + Text(a) + "+" + Text(c) + ")*" + Text(b) + "-" + Text(d);
    value = calls.Apply(calls.Apply(calls.Apply(a, '+', c), '*', b), '-', d);
  } else {
    expression = Text(a) + "*" + Text(b) + "+" + Text(c) + "*" + Text(d);
    const int64_t left = calls.Apply(a, '*', b);
    value = calls.Apply(left, '+', calls.Apply(c, '*', d));
  }
  return Finish("What is " + expression + "?", expression, value, calls);
}

// Boxes of things, and what comes to them or goes.
Problem Boxes(Rng& rng, int difficulty) {
  Story story(rng);
  const int64_t size = DrawCount(rng, 0), count = DrawHundreds(rng, difficulty);
  std::string expression = Text(size) + "*" + Text(count);
  Calls calls;
  int64_t value = calls.Apply(size, '*', count);
  story.SayOne(rng, {"A box holds # {x}.", "There are # {x} in a box."}, {size});
  story.SayOne(rng, {"{a} buys # boxes.", "{a} has # boxes.", "{a} fills # boxes."}, {count});
  if (difficulty >= 2) {
    const int64_t bag_size = DrawCount(rng, 0), num_bags = DrawCount(rng, difficulty);
    story.SayOne(rng, {"{A} adds # bags of # {x}.", "{A} finds # bags with # {x} each."},
                 {num_bags, bag_size});
    expression += "+" + Text(num_bags) + "*" + Text(bag_size);
    value = calls.Apply(value, '+', calls.Apply(num_bags, '*', bag_size));
  } else if (difficulty == 1) {
    const int64_t change = DrawCount(rng, 0);
    const bool is_loss = rng.Below(2) == 0;
    story.SayOne(rng,
                 {is_loss ? "{A} gives # {x} to {b}." : "{A} gets # {x} from {b}.",
                  is_loss ? "{A} loses # {x}." : "{A} finds # more {x}."},
                 {change});
    const char op = is_loss ? '-' : '+';
    expression += op + Text(change);
    value = calls.Apply(value, op, change);
  }
  return FinishStory(rng, difficulty, story, "How many {x} does {a} have?", expression, value,
                     calls);
}

// What a purchase costs, or what is left of the money.
Problem Shop(Rng& rng, int difficulty) {
  Story story(rng);
  const int64_t price = DrawCount(rng, 0), count = DrawCount(rng, difficulty);
  std::string cost_text = Text(count) + "*" + Text(price);
  Calls calls;
  int64_t cost = calls.Apply(count, '*', price);
  story.SayOne(rng, {"Each {1x} costs $#.", "The price of a {1x} is $#."}, {price});
  story.SayOne(rng, {"{a} buys # {x}.", "{a} takes # {x}."}, {count});
  if (difficulty == 0) {
    return FinishStory(rng, difficulty, story, "How many dollars does {a} pay?", cost_text, cost,
                       calls);
  }
  const int64_t rest = DrawHundreds(rng, difficulty);
  const int64_t money = cost + rest + (difficulty >= 2 ? 99 * 99 : 0);
  std::string expression = Text(money) + "-" + cost_text;
  int64_t value = calls.Apply(money, '-', cost);
  if (difficulty >= 2) {
    const int64_t other_price = DrawCount(rng, 0), other_count = DrawCount(rng, 0);
    story.SayOne(rng, {"{A} also buys # {y} for $# each.", "{A} takes # {y} at $# each, too."},
                 {other_count, other_price});
    expression += "-" + Text(other_count) + "*" + Text(other_price);
    value = calls.Apply(value, '-', calls.Apply(other_count, '*', other_price));
  }
  story.SayOne(rng, {"{A} had $#.", "{A} started with $#."}, {money});
  return FinishStory(rng, difficulty, story, "How many dollars are left?", expression, value,
                     calls);
}

// Equal shares of what somebody has; the division has no rest.
Problem Share(Rng& rng, int difficulty) {
  Story story(rng);
  const int64_t share = DrawHundreds(rng, difficulty), num_friends = rng.Between(12, 49);
  const int64_t total = share * num_friends;
  Calls calls;
  std::string expression;
  int64_t value = total;
  if (difficulty == 0) {
    story.SayOne(rng, {"{a} has # {x}.", "{a} finds # {x}."}, {total});
    expression = Text(total);
  } else {
    const int64_t part = rng.Between(1, total - 1);
    story.SayOne(rng, {"{a} has # {x}.", "{a} finds # {x}."}, {part});
    story.SayOne(rng, {"{b} gives {a} # more.", "{A} gets # more from {b}."}, {total - part});
    expression = "(" + Text(part) + "+" + Text(total - part) + ")";
    calls.Apply(part, '+', total - part);
  }
  story.SayOne(rng, {"{A} gives all to # friends, each the same.", "# friends share all equally."},
               {num_friends});
  expression += "/" + Text(num_friends);
  value = calls.Apply(total, '/', num_friends);
  if (difficulty >= 2) {
    const int64_t own = DrawCount(rng, difficulty);
    story.SayOne(rng, {"One of them had # already.", "One friend finds # more."}, {own});
    expression += "+" + Text(own);
    value = calls.Apply(value, '+', own);
  }
  return FinishStory(
      rng, difficulty, story,
      difficulty < 2 ? "How many {x} does each friend get?" : "How many {x} does that friend have?",
      expression, value, calls);
}

// Two people's things compared or put together.
Problem Compare(Rng& rng, int difficulty) {
  Story story(rng);
  const int64_t first = DrawHundreds(rng, difficulty), more = DrawHundreds(rng, 0);
  Calls calls;
  if (difficulty == 0) {
    story.SayOne(rng, {"{a} has # {x}.", "{a} counts # {x}."}, {first + more});
    story.SayOne(rng, {"{b} has # {x}.", "{b} counts # {x}."}, {first});
    const std::string expression = Text(first + more) + "-" + Text(first);
    const int64_t value = calls.Apply(first + more, '-', first);
    return FinishStory(rng, difficulty, story, "How many more {x} has {a} than {b}?", expression,
                       value, calls);
  }
  story.SayOne(rng, {"{a} has # {x}.", "{a} counts # {x}."}, {first});
  std::string expression;
  int64_t value = 0;
  if (difficulty == 1) {
    story.SayOne(rng, {"{b} has # more than {a}.", "{b} counts # more than {a}."}, {more});
    expression = Text(first) + "+" + Text(more) + "+" + Text(first);
    value = calls.Apply(calls.Apply(first, '+', more), '+', first);
  } else {
    const int64_t times = rng.Between(12, 39);
    story.SayOne(rng, {"{b} has # times as many.", "{b} counts # times as many."}, {times});
    story.SayOne(rng, {"{c} has # {x}.", "{c} counts # {x}."}, {more});
    expression = Text(first) + "*" + Text(times) + "+" + Text(first) + "+" + Text(more);
    value = calls.Apply(calls.Apply(calls.Apply(first, '*', times), '+', first), '+', more);
  }
  return FinishStory(rng, difficulty, story, "How many {x} do they have together?", expression,
                     value, calls);
}

std::string Calculate(const ToolCall& call) {
  const Evaluation evaluation = Evaluate(call.arguments.at("expression"));
  return evaluation.value ? evaluation.value->ToString() : "error: " + evaluation.problem;
}

std::unique_ptr<Env> MakeCalculator(std::string_view params) {
  ProblemEnvSpec spec;
  spec.info.id = "tool/calculator-v1";
  spec.info.summary = "Long calculations in figures and words, with a calculator to call";
  spec.info.num_difficulties = kNumDifficulties;
  spec.info.max_turns = kMaxTurns;
  spec.info.tools = {{"calculator", "The exact value of an expression with + - * / and ( ).",
                      R"({"type":"object","properties":{"expression":{"type":"string"}},)"
                      R"("required":["expression"]})"}};
  spec.families = {{"figures", Figures, 0.02},
                   {"boxes", Boxes, 0.02},
                   {"shop", Shop, 0.02},
                   {"share", Share, 0.02},
                   {"compare", Compare, 0.02}};
  spec.verify = VerifyNumber;
  return MakeToolEnv(std::move(spec), Calculate, params);
}

REGISTER_ENV("tool/calculator-v1", MakeCalculator);

}  // namespace
}  // namespace agon::envs
