#include "envs/code/python_tasks.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

namespace agon::envs {
namespace {

constexpr int kNumHidden = 4;

PlainValue Int(int64_t integer) {
  PlainValue value;
  value.kind = PlainValue::Kind::kInt;
  value.integer = integer;
  return value;
}
PlainValue Str(std::string text) {
  PlainValue value;
  value.kind = PlainValue::Kind::kStr;
  value.text = std::move(text);
  return value;
}
PlainValue List(const std::vector<int64_t>& integers) {
  PlainValue value;
  value.kind = PlainValue::Kind::kList;
  for (const int64_t integer : integers) value.items.push_back(Int(integer));
  return value;
}

// Draws arguments until there are enough that differ; the first ones are shown.
template <typename Argument>
void AddTests(PythonTask& task, int difficulty, PlainValue (*wrap)(Argument),
              const std::function<std::decay_t<Argument>()>& draw,
              const std::function<PlainValue(const std::decay_t<Argument>&)>& apply) {
  const size_t num_shown = difficulty < 2 ? 1 : 2;
  std::vector<std::decay_t<Argument>> seen;
  while (seen.size() < num_shown + kNumHidden) {
    auto argument = draw();
    if (std::find(seen.begin(), seen.end(), argument) != seen.end()) continue;
    auto& tests = seen.size() < num_shown ? task.examples : task.hidden;
    tests.emplace_back(wrap(argument), apply(argument));
    seen.push_back(std::move(argument));
  }
}

int64_t FloorDivide(int64_t a, int64_t b) { return (a - ((a % b) + b) % b) / b; }

struct Operation {
  char symbol;  // + - * / (rounding down) %
  int64_t operand;

  int64_t Apply(int64_t x) const {
    switch (symbol) {
      case '+':
        return x + operand;
      case '-':
        return x - operand;
      case '*':
        return x * operand;
      case '/':
        return FloorDivide(x, operand);
      default:
        return x - FloorDivide(x, operand) * operand;
    }
  }
  std::string Description() const {
    const std::string number = std::to_string(operand);
    switch (symbol) {
      case '+':
        return "add " + number;
      case '-':
        return "subtract " + number;
      case '*':
        return "multiply by " + number;
      case '/':
        return "divide by " + number + " and round down";
      default:
        return "take the rest of dividing by " + number;
    }
  }
  bool IsSum() const { return symbol == '+' || symbol == '-'; }
  std::string Code() const {
    return (symbol == '/' ? " // " : std::string(" ") + symbol + " ") + std::to_string(operand);
  }
};

Operation DrawOperation(Rng& rng, std::string_view symbols) {
  const char symbol = symbols[rng.Below(symbols.size())];
  if (symbol == '+' || symbol == '-') return {symbol, rng.Between(1, 20)};
  return {symbol, rng.Between(2, 9)};
}

std::string DrawLetters(Rng& rng, size_t count) {
  std::string letters;
  while (letters.size() < count) letters += static_cast<char>('a' + rng.Below(26));
  return letters;
}

}  // namespace

PythonTask DrawExpression(Rng& rng, int difficulty) {
  const int num_operations = std::min(difficulty + 1, 3);
  std::vector<Operation> operations;
  while (static_cast<int>(operations.size()) < num_operations) {
    // The hardest: a product, a sum, then a division.
    constexpr std::array<std::string_view, 3> kHardest = {"*", "+-", "/%"};
    const Operation next =
        DrawOperation(rng, difficulty == 3 ? kHardest[operations.size()] : "+-*");
    // "add 3, add 4" is one operation.
    if (!operations.empty() && operations.back().IsSum() == next.IsSum()) continue;
    operations.push_back(next);
  }
  PythonTask task{"x", "start with x", "x", {}, {}, {}};
  bool is_sum = false;
  for (const Operation& operation : operations) {
    if (is_sum && !operation.IsSum()) task.solution = "(" + task.solution + ")";
    task.solution += operation.Code();
    is_sum = operation.IsSum();
    task.description += ", " + operation.Description();
    task.steps.push_back(operation.Description() + ": " + task.solution);
  }
  AddTests<int64_t>(
      task, difficulty, Int, [&] { return rng.Between(-20, 40); },
      [&](const int64_t& x) {
        int64_t result = x;
        for (const Operation& operation : operations) result = operation.Apply(result);
        return Int(result);
      });
  return task;
}

namespace {

// [map for x in a if filter], reduced, and something added: each part may be absent.
struct ListFunction {
  char filter = 0;  // > or <
  int64_t bound = 0;
  std::optional<Operation> map;
  std::string reduce;  // a function of Python, or "first" or "last"
  int64_t addend = 0;

  PlainValue Apply(const std::vector<int64_t>& a) const {
    std::vector<int64_t> items;
    for (const int64_t x : a) {
      if (filter == '>' && x <= bound) continue;
      if (filter == '<' && x >= bound) continue;
      items.push_back(map ? map->Apply(x) : x);
    }
    if (reduce.empty()) return List(items);
    return Int(Reduced(items) + addend);
  }

  std::string Code(std::vector<std::string>& steps) const {
    std::string code = "a";
    if (filter || map) {
      code = "[x" + (map ? map->Code() : "") + " for x in a";
      if (filter) code += std::string(" if x ") + filter + " " + std::to_string(bound);
      code += "]";
      steps.push_back("the elements: " + code);
    }
    if (reduce == "first") code += "[0]";
    if (reduce == "last") code += "[-1]";
    if (!reduce.empty() && reduce != "first" && reduce != "last") code = reduce + "(" + code + ")";
    if (!reduce.empty()) steps.push_back("of these: " + code);
    if (addend > 0) {
      code += " + " + std::to_string(addend);
      steps.push_back("all: " + code);
    }
    return code;
  }

  std::string Description() const {
    std::string text = "take the elements of a";
    if (filter) text += (filter == '>' ? " above " : " below ") + std::to_string(bound);
    if (map) text += ", " + map->Description() + (map->symbol == '+' ? " to each" : " each");
    if (!reduce.empty()) {
      text += ", then " + std::string(reduce == "len"   ? "count them"
                                      : reduce == "sum" ? "sum them up"
                                      : reduce == "max" ? "take the largest"
                                      : reduce == "min" ? "take the smallest"
                                                        : "take the " + reduce + " one");
    }
    if (addend > 0) text += ", add " + std::to_string(addend);
    return text;
  }

 private:
  int64_t Reduced(const std::vector<int64_t>& items) const {
    if (reduce == "sum") return std::accumulate(items.begin(), items.end(), int64_t{0});
    if (reduce == "len") return static_cast<int64_t>(items.size());
    if (reduce == "max") return *std::max_element(items.begin(), items.end());
    if (reduce == "min") return *std::min_element(items.begin(), items.end());
    return reduce == "first" ? items.front() : items.back();
  }
};

ListFunction DrawListFunctionOf(Rng& rng, int difficulty) {
  constexpr std::array<const char*, 6> kReductions = {"sum", "len", "max", "min", "first", "last"};
  ListFunction function;
  const auto filter = [&] {
    function.filter = rng.Below(2) == 0 ? '>' : '<';
    function.bound = rng.Between(0, 20);
  };
  const auto map = [&] { function.map = DrawOperation(rng, "+*"); };
  switch (difficulty) {
    case 0:
      if (rng.Below(3) == 0) {
        map();
      } else {
        function.reduce = kReductions[rng.Below(kReductions.size())];
        function.addend = rng.Between(1, 20);
      }
      break;
    case 1:
      if (rng.Below(2) == 0) {
        filter();
      } else {
        map();
        function.reduce = rng.Below(2) == 0 ? "sum" : "max";
      }
      break;
    case 2:
      filter();
      map();
      break;
    default:
      filter();
      if (rng.Below(2) == 0) map();
      // Of no elements at all these two still make sense.
      function.reduce = function.map || rng.Below(2) == 0 ? "sum" : "len";
      function.addend = rng.Below(2) == 0 ? 0 : rng.Between(1, 9);
  }
  return function;
}

// A str through one change after the other.
struct StringChange {
  std::string description, before, after;  // code around what there is
  std::function<std::string(const std::string&)> apply;
};

StringChange Append(const std::string& text) {
  return {"append '" + text + "'", "", " + '" + text + "'",
          [text](const std::string& s) { return s + text; }};
}
StringChange Prepend(const std::string& text) {
  return {"put '" + text + "' in front", "'" + text + "' + ", "",
          [text](const std::string& s) { return text + s; }};
}
StringChange Reverse() {
  return {"reverse it", "", "[::-1]",
          [](const std::string& s) { return std::string(s.rbegin(), s.rend()); }};
}
StringChange Upper() {
  return {"write it in capitals", "", ".upper()", [](std::string s) {
            for (char& c : s) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            return s;
          }};
}
StringChange Replace(char from, char to) {
  return {std::string("replace ") + from + " by " + to, "",
          std::string(".replace('") + from + "', '" + to + "')", [from, to](std::string s) {
            std::replace(s.begin(), s.end(), from, to);
            return s;
          }};
}
StringChange Head(size_t count) {
  const std::string number = std::to_string(count);
  return {"keep the first " + number + " letters", "", "[:" + number + "]",
          [count](const std::string& s) { return s.substr(0, count); }};
}
StringChange Tail(size_t count) {
  const std::string number = std::to_string(count);
  return {
      "keep the last " + number + " letters", "", "[-" + number + ":]",
      [count](const std::string& s) { return s.size() <= count ? s : s.substr(s.size() - count); }};
}

std::vector<StringChange> DrawChanges(Rng& rng, int difficulty, const std::string& letters) {
  const auto affix = [&] {
    const std::string text = DrawLetters(rng, 2);
    return rng.Below(2) == 0 ? Append(text) : Prepend(text);
  };
  const auto slice = [&] {
    const size_t count = rng.Below(3) + 2;
    return rng.Below(2) == 0 ? Head(count) : Tail(count);
  };
  const auto whole = [&] { return rng.Below(2) == 0 ? Reverse() : Upper(); };
  const StringChange replace = Replace(letters[0], letters[1]);
  switch (difficulty) {
    case 0:
      return {affix()};
    case 1:
      return rng.Below(2) == 0 ? std::vector{replace} : std::vector{whole(), affix()};
    case 2:
      return rng.Below(2) == 0 ? std::vector{slice(), affix()} : std::vector{replace, slice()};
    default:
      return rng.Below(2) == 0 ? std::vector{replace, whole(), affix()}
                               : std::vector{replace, slice(), whole()};
  }
}

}  // namespace

PythonTask DrawListFunction(Rng& rng, int difficulty) {
  const ListFunction function = DrawListFunctionOf(rng, difficulty);
  PythonTask task{"a", function.Description(), "", {}, {}, {}};
  task.solution = function.Code(task.steps);
  AddTests<const std::vector<int64_t>&>(
      task, difficulty, List,
      [&] {
        std::vector<int64_t> a(rng.Below(5) + 1);
        for (int64_t& x : a) x = rng.Between(-5, 25);
        return a;
      },
      [&](const std::vector<int64_t>& a) { return function.Apply(a); });
  return task;
}

PythonTask DrawStringFunction(Rng& rng, int difficulty) {
  std::string letters = DrawLetters(rng, 2);
  while (letters[0] == letters[1]) letters = DrawLetters(rng, 2);
  const std::vector<StringChange> changes = DrawChanges(rng, difficulty, letters);
  PythonTask task{"s", "start with s", "s", {}, {}, {}};
  for (const StringChange& change : changes) {
    task.solution = change.before + task.solution + change.after;
    task.description += ", " + change.description;
    task.steps.push_back(change.description + ": " + task.solution);
  }
  AddTests<std::string>(
      task, difficulty, Str,
      [&] {
        std::string s = DrawLetters(rng, rng.Below(5) + 2);
        // Often a letter that is to be replaced.
        for (char& c : s) c = rng.Below(3) == 0 ? letters[0] : c;
        return s;
      },
      [&](const std::string& s) {
        std::string result = s;
        for (const StringChange& change : changes) result = change.apply(result);
        return Str(result);
      });
  return task;
}

}  // namespace agon::envs
