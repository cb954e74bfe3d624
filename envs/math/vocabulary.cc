#include "envs/math/vocabulary.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace agon::envs {
namespace {

using enum TokenKind;

struct Entry {
  std::string_view name;
  Meaning meaning;
};

// Sorted by name, see Find.
constexpr Entry kCommands[] = {
    {"Leftrightarrow", {kUnknown, "<=>"}},
    {"Rightarrow", {kUnknown, "=>"}},
    {"approx", {kRelation, "~"}},
    {"approxeq", {kRelation, "~"}},
    {"arccos", {kFunction, "arccos"}},
    {"arcsin", {kFunction, "arcsin"}},
    {"arctan", {kFunction, "arctan"}},
    {"ast", {kTimes, ""}},
    {"binom", {kBinomial, ""}},
    {"cap", {kIntersection, ""}},
    {"cdot", {kTimes, ""}},
    {"cdots", {kUnknown, "..."}},
    {"cfrac", {kFraction, ""}},
    {"circ", {kDegree, ""}},
    {"colon", {kColon, ""}},
    {"cong", {kUnknown, "cong"}},
    {"cos", {kFunction, "cos"}},
    {"cosh", {kFunction, "cosh"}},
    {"cot", {kFunction, "cot"}},
    {"csc", {kFunction, "csc"}},
    {"cup", {kUnion, ""}},
    {"dbinom", {kBinomial, ""}},
    {"degree", {kDegree, ""}},
    {"dfrac", {kFraction, ""}},
    {"div", {kDivide, ""}},
    {"doteq", {kRelation, "~"}},
    {"dots", {kUnknown, "..."}},
    {"emptyset", {kEmptySet, ""}},
    {"equiv", {kUnknown, "equiv"}},
    {"exp", {kFunction, "exp"}},
    {"frac", {kFraction, ""}},
    {"gcd", {kFunction, "gcd"}},
    {"ge", {kRelation, ">="}},
    {"geq", {kRelation, ">="}},
    {"geqslant", {kRelation, ">="}},
    {"gt", {kRelation, ">"}},
    {"iff", {kUnknown, "<=>"}},
    {"iiint", {kUnknown, "iiint"}},
    {"iint", {kUnknown, "iint"}},
    {"implies", {kUnknown, "=>"}},
    {"in", {kMember, ""}},
    {"infty", {kInfinity, ""}},
    {"int", {kUnknown, "int"}},
    {"land", {kSeparator, ""}},
    {"langle", {kOpen, "("}},
    {"lbrace", {kOpen, "\\{"}},
    {"lbrack", {kOpen, "["}},
    {"lceil", {kOpen, "ceil"}},
    {"ldots", {kUnknown, "..."}},
    {"le", {kRelation, "<="}},
    {"leq", {kRelation, "<="}},
    {"leqslant", {kRelation, "<="}},
    {"lfloor", {kOpen, "floor"}},
    {"lg", {kFunction, "lg"}},
    {"lim", {kUnknown, "lim"}},
    {"ln", {kFunction, "ln"}},
    {"log", {kFunction, "log"}},
    {"lor", {kSeparator, ""}},
    {"lt", {kRelation, "<"}},
    {"lvert", {kOpen, "|"}},
    {"max", {kFunction, "max"}},
    {"mid", {kUnknown, "mid"}},
    {"min", {kFunction, "min"}},
    {"mp", {kMinusPlus, ""}},
    {"ne", {kRelation, "!="}},
    {"neq", {kRelation, "!="}},
    {"pm", {kPlusMinus, ""}},
    {"prime", {kPrime, ""}},
    {"prod", {kUnknown, "prod"}},
    {"rangle", {kClose, ")"}},
    {"rbrace", {kClose, "\\}"}},
    {"rbrack", {kClose, "]"}},
    {"rceil", {kClose, "ceil"}},
    {"rfloor", {kClose, "floor"}},
    {"rvert", {kClose, "|"}},
    {"sec", {kFunction, "sec"}},
    {"setminus", {kUnknown, "setminus"}},
    {"sim", {kRelation, "~"}},
    {"simeq", {kRelation, "~"}},
    {"sin", {kFunction, "sin"}},
    {"sinh", {kFunction, "sinh"}},
    {"sqrt", {kRoot, ""}},
    {"sum", {kUnknown, "sum"}},
    {"tan", {kFunction, "tan"}},
    {"tanh", {kFunction, "tanh"}},
    {"tbinom", {kBinomial, ""}},
    {"tfrac", {kFraction, ""}},
    {"times", {kTimes, ""}},
    {"varnothing", {kEmptySet, ""}},
    {"vdots", {kUnknown, "..."}},
    {"vee", {kSeparator, ""}},
    {"vert", {kBar, ""}},
    {"wedge", {kSeparator, ""}},
};

constexpr std::string_view kLayout[] = {
    "Big",        "Bigg",   "Biggl",  "Biggr",       "Bigl",         "Bigr",
    "big",        "bigg",   "biggl",  "biggr",       "bigl",         "bigr",
    "boldsymbol", "boxed",  "bm",     "dfont",       "displaystyle", "fbox",
    "hline",      "hspace", "left",   "limits",      "mathbf",       "mathcal",
    "mathit",     "mathsf", "middle", "nolimits",    "normalsize",   "overrightarrow",
    "qquad",      "quad",   "right",  "scriptstyle", "textstyle",    "thinspace",
    "vec",
};

constexpr std::string_view kTextCommands[] = {
    "mathrm", "mbox",       "operatorname", "text",   "textbf",
    "textit", "textnormal", "textrm",       "textsf", "texttt",
};

// Longer signs stand before their beginnings.
constexpr Entry kSigns[] = {
    {"**", {kPower, ""}},
    {"<=", {kRelation, "<="}},
    {">=", {kRelation, ">="}},
    {"!=", {kRelation, "!="}},
    {"==", {kRelation, "="}},
    {"+-", {kPlusMinus, ""}},
    {"...", {kUnknown, "..."}},
    {"->", {kUnknown, "->"}},
    {"=>", {kUnknown, "=>"}},
    {"+", {kPlus, ""}},
    {"-", {kMinus, ""}},
    {"*", {kTimes, ""}},
    {"/", {kDivide, ""}},
    {"^", {kPower, ""}},
    {"_", {kSubscript, ""}},
    {"!", {kFactorial, ""}},
    {"%", {kPercent, ""}},
    {"'", {kPrime, ""}},
    {"(", {kOpen, "("}},
    {")", {kClose, ")"}},
    {"[", {kOpen, "["}},
    {"]", {kClose, "]"}},
    {"{", {kOpen, "{"}},
    {"}", {kClose, "}"}},
    {"|", {kBar, ""}},
    {",", {kComma, ""}},
    {";", {kSemicolon, ""}},
    {":", {kColon, ""}},
    {"=", {kRelation, "="}},
    {"<", {kRelation, "<"}},
    {">", {kRelation, ">"}},
    {"&", {kAmpersand, ""}},
    {"\u2212", {kMinus, ""}},
    {"\u2013", {kMinus, ""}},
    {"\u00d7", {kTimes, ""}},
    {"\u00b7", {kTimes, ""}},
    {"\u22c5", {kTimes, ""}},
    {"\u00f7", {kDivide, ""}},
    {"\u2215", {kDivide, ""}},
    {"\u2044", {kDivide, ""}},
    {"\u00b1", {kPlusMinus, ""}},
    {"\u2213", {kMinusPlus, ""}},
    {"\u2264", {kRelation, "<="}},
    {"\u2265", {kRelation, ">="}},
    {"\u2260", {kRelation, "!="}},
    {"\u2248", {kRelation, "~"}},
    {"\u221e", {kInfinity, ""}},
    {"\u2208", {kMember, ""}},
    {"\u222a", {kUnion, ""}},
    {"\u2229", {kIntersection, ""}},
    {"\u2205", {kEmptySet, ""}},
    {"\u221a", {kRoot, ""}},
    {"\u03c0", {kSymbol, "pi"}},
    {"\u00b0", {kDegree, ""}},
    {"\u2032", {kPrime, ""}},
    {"\u211d", {kSymbol, "\\R"}},
    {"\u03b8", {kSymbol, "theta"}},
    {"\u03b1", {kSymbol, "alpha"}},
    {"\u03b2", {kSymbol, "beta"}},
};

constexpr std::string_view kFunctions[] = {
    "abs", "arccos", "arcsin", "arctan", "binom", "ceil", "cos", "cosh",
    "cot", "csc",    "exp",    "floor",  "gcd",   "lcm",  "lg",  "ln",
    "log", "max",    "min",    "sec",    "sin",   "sinh", "tan", "tanh",
};

constexpr Entry kWords[] = {
    {"and", {kSeparator, ""}},      {"cup", {kUnion, ""}},         {"deg", {kDegree, ""}},
    {"degree", {kDegree, ""}},      {"degrees", {kDegree, ""}},    {"false", {kWord, "false"}},
    {"inf", {kInfinity, ""}},       {"infinity", {kInfinity, ""}}, {"infty", {kInfinity, ""}},
    {"no", {kWord, "no"}},          {"not", {kWord, "not"}},       {"odd", {kWord, "odd"}},
    {"or", {kSeparator, ""}},       {"pct", {kPercent, ""}},       {"percent", {kPercent, ""}},
    {"percentage", {kPercent, ""}}, {"pi", {kSymbol, "pi"}},       {"sqrt", {kRoot, ""}},
    {"union", {kUnion, ""}},        {"yes", {kWord, "yes"}},
};

constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
    {"am", "am"},        {"centimeter", "cm"}, {"centimetre", "cm"}, {"cent", "cent"},
    {"cm", "cm"},        {"day", "day"},       {"dollar", "dollar"}, {"euro", "euro"},
    {"feet", "ft"},      {"foot", "ft"},       {"ft", "ft"},         {"gallon", "gallon"},
    {"gram", "g"},       {"hour", "hour"},     {"hr", "hour"},       {"inch", "inch"},
    {"inche", "inch"},   {"kg", "kg"},         {"kilogram", "kg"},   {"kilometer", "km"},
    {"kilometre", "km"}, {"km", "km"},         {"lb", "pound"},      {"liter", "liter"},
    {"litre", "liter"},  {"meter", "m"},       {"metre", "m"},       {"mg", "mg"},
    {"mi", "mile"},      {"mile", "mile"},     {"min", "minute"},    {"minute", "minute"},
    {"ml", "ml"},        {"mm", "mm"},         {"month", "month"},   {"mph", "mph"},
    {"ounce", "ounce"},  {"oz", "ounce"},      {"pm", "pm"},         {"pound", "pound"},
    {"sec", "second"},   {"second", "second"}, {"usd", "dollar"},    {"week", "week"},
    {"yard", "yard"},    {"yd", "yard"},       {"year", "year"},
};

constexpr std::string_view kChanging[] = {
    "and",      "but",    "cubed",    "either",   "except",  "half",     "if",        "instead",
    "maybe",    "minus",  "negative", "neither",  "never",   "no",       "nor",       "not",
    "or",       "over",   "perhaps",  "plus",     "point",   "possibly", "squared",   "times",
    "to",       "unless", "versus",   "vs",       "wrong",   "zero",     "one",       "two",
    "three",    "four",   "five",     "six",      "seven",   "eight",    "nine",      "ten",
    "eleven",   "twelve", "thirteen", "fourteen", "fifteen", "sixteen",  "seventeen", "eighteen",
    "nineteen", "twenty", "thirty",   "forty",    "fifty",   "sixty",    "seventy",   "eighty",
    "ninety",
};

static_assert(std::ranges::is_sorted(kCommands, {}, &Entry::name));
static_assert(std::ranges::is_sorted(kWords, {}, &Entry::name));

template <typename Table>
auto Find(const Table& table, std::string_view name) {
  const auto place =
      std::lower_bound(std::begin(table), std::end(table), name,
                       [](const Entry& entry, std::string_view key) { return entry.name < key; });
  return place != std::end(table) && place->name == name ? std::optional(place->meaning)
                                                         : std::nullopt;
}

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string Lower(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return lower;
}

}  // namespace

std::optional<Meaning> CommandMeaning(std::string_view name) { return Find(kCommands, name); }

bool IsLayoutCommand(std::string_view name) { return Has(kLayout, name); }

bool IsTextCommand(std::string_view name) { return Has(kTextCommands, name); }

std::optional<Meaning> SignMeaning(std::string_view text, size_t& length) {
  for (const Entry& sign : kSigns) {
    if (text.starts_with(sign.name)) {
      length = sign.name.size();
      return sign.meaning;
    }
  }
  return std::nullopt;
}

std::optional<Meaning> WordMeaning(std::string_view word) {
  if (Has(kFunctions, word)) return Meaning{kFunction, word};
  const std::string lower = Lower(word);
  if (const auto meaning = Find(kWords, lower)) return meaning;
  if (!CanonicalUnit(lower).empty()) return Meaning{kWord, ""};
  return std::nullopt;
}

long long Magnitude(std::string_view word) {
  constexpr std::pair<std::string_view, long long> kMagnitudes[] = {
      {"dozen", 12},        {"hundred", 100},        {"thousand", 1000},
      {"million", 1000000}, {"billion", 1000000000}, {"trillion", 1000000000000},
  };
  const std::string lower = Lower(word);
  for (const auto& [name, value] : kMagnitudes) {
    if (name == lower) return value;
  }
  return 0;
}

bool ChangesValue(std::string_view word) {
  const std::string lower = Lower(word);
  for (std::string_view rest = lower; !rest.empty();) {
    const size_t length = std::min(rest.find_first_of("-/."), rest.size());
    if (Has(kChanging, rest.substr(0, length))) return true;
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return false;
}

std::string_view CanonicalUnit(std::string_view word) {
  std::string lower = Lower(word);
  for (int i = 0; i < 2; ++i) {
    for (const auto& [name, unit] : kUnits) {
      if (name == lower) return unit;
    }
    if (lower.empty() || lower.back() != 's') break;
    lower.pop_back();
  }
  return "";
}

}  // namespace agon::envs
