#include "envs/math/answer_lexer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/ascii.h"
#include "envs/math/rational.h"
#include "envs/math/vocabulary.h"

namespace agon::envs {
namespace {

constexpr int kMaxTextNesting = 4;
constexpr size_t kMaxWordLetters = 24;

bool IsTexSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '~'; }

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsAsciiDigit(text[count])) ++count;
  return count;
}

size_t CountLetters(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && IsAsciiLetter(text[count])) ++count;
  return count;
}

class Lexer {
 public:
  Lexer(const LexOptions& options, bool is_latex, int nesting, std::vector<Token>& tokens)
      : options_(options), is_latex_(is_latex), nesting_(nesting), tokens_(tokens) {}

  void Run(std::string_view text) {
    rest_ = text;
    while (!rest_.empty()) {
      const char c = rest_[0];
      if (IsTexSpace(c)) {
        Skip(1);
        space_before_ = true;
      } else if (c == '$' || c == '"' || c == '`') {
        Skip(1);
      } else if (c == '\\') {
        ReadBackslash();
      } else if (IsAsciiDigit(c) || (c == '.' && rest_.size() > 1 && IsAsciiDigit(rest_[1]))) {
        ReadNumber();
      } else if (IsAsciiLetter(c)) {
        ReadLetters();
      } else if (!SkipInvisible()) {
        ReadSign();
      }
    }
  }

 private:
  void Skip(size_t bytes) { rest_.remove_prefix(std::min(bytes, rest_.size())); }

  void Emit(TokenKind kind, std::string_view text = "") {
    tokens_.push_back({kind, std::string(text), std::exchange(space_before_, false)});
    if (kind == TokenKind::kOpen && text != "{") ++bracket_depth_;
    if (kind == TokenKind::kClose && text != "}") bracket_depth_ = std::max(0, bracket_depth_ - 1);
  }

  // Spaces of Unicode, signs of currency, and a full stop that ends the answer.
  bool SkipInvisible() {
    for (const std::string_view space : {"\u00a0", "\u2009", "\u202f", "\u2003"}) {
      if (rest_.starts_with(space)) {
        Skip(space.size());
        return space_before_ = true;
      }
    }
    for (const std::string_view sign : {"\u20ac", "\u00a3", "\u200b"}) {
      if (rest_.starts_with(sign)) {
        Skip(sign.size());
        return true;
      }
    }
    if (rest_[0] == '.' && rest_.find_first_not_of(" .\n\r\t$") == std::string_view::npos) {
      Skip(rest_.size());
      return true;
    }
    for (const auto& [sign, power] : {std::pair{"\u00b2", "2"}, std::pair{"\u00b3", "3"}}) {
      if (rest_.starts_with(sign)) {
        Skip(2);
        Emit(TokenKind::kPower);
        Emit(TokenKind::kNumber, power);
        return true;
      }
    }
    return false;
  }

  void ReadSign() {
    size_t length = 1;
    if (const auto sign = SignMeaning(rest_, length)) {
      Emit(sign->kind, sign->text);
    } else {
      // Bytes of a character that is unknown stay together as unknown tokens.
      Emit(TokenKind::kUnknown, rest_.substr(0, 1));
    }
    Skip(length);
  }

  // --- Commands -------------------------------------------------------------------------

  void ReadBackslash() {
    const size_t length = CountLetters(rest_.substr(1));
    if (length == 0) {
      const char c = rest_.size() > 1 ? rest_[1] : '\0';
      // Outside of a matrix, "\\frac" is a backslash that was escaped twice.
      if (c == '\\' && num_matrices_ <= 0 && rest_.size() > 2 && IsAsciiLetter(rest_[2])) {
        Skip(1);
        return ReadBackslash();
      }
      Skip(2);
      switch (c) {
        case '{':
          return Emit(TokenKind::kOpen, "\\{");
        case '}':
          return Emit(TokenKind::kClose, "\\}");
        case '\\':
          return Emit(TokenKind::kNewRow);
        case '|':
          return Emit(TokenKind::kBar);
        case '%':
          return Emit(TokenKind::kPercent);
        case ',':
        case ';':
        case ':':
        case ' ':
        case '\n':
          space_before_ = true;
          return;
        case '!':
        case '$':
        case '(':
        case ')':
        case '[':
        case ']':
          return;
        default:
          return Emit(TokenKind::kUnknown, "\\");
      }
    }
    const std::string_view name = rest_.substr(1, length);
    Skip(1 + length);
    if (IsLayoutCommand(name)) {
      // "\left." is a bracket that isn't shown.
      if ((name == "left" || name == "right") && rest_.starts_with(".")) Skip(1);
      return;
    }
    if (name == "mathbb") return ReadNumberSet();
    if (IsTextCommand(name)) return ReadText();
    if (name == "begin" || name == "end") return ReadEnvironment(name == "begin");
    if (name == "overline" && ReadRepetend()) return;
    if (const auto meaning = CommandMeaning(name)) return Emit(meaning->kind, meaning->text);
    const bool is_letter = name == "pi" || name == "theta" || name == "alpha" || name == "beta";
    Emit(TokenKind::kSymbol, is_letter ? std::string(name) : "\\" + std::string(name));
  }

  // The bytes between the brace that opens at `rest_` and the one that closes it.
  std::optional<std::string_view> TakeGroup() {
    while (!rest_.empty() && IsTexSpace(rest_[0])) Skip(1);
    if (rest_.empty() || rest_[0] != '{') return std::nullopt;
    int depth = 0;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '{') {
        ++depth;
      } else if (rest_[i] == '}' && --depth == 0) {
        const std::string_view content = rest_.substr(1, i - 1);
        Skip(i + 1);
        return content;
      }
    }
    return std::nullopt;
  }

  void ReadText() {
    const auto group = TakeGroup();
    if (!group) return;  // \mathbb R, \text without braces: the letters speak for themselves
    const std::string_view content = TrimSpace(*group);
    if (content.empty()) {
      space_before_ = true;
      return;
    }
    const bool are_words = std::all_of(content.begin(), content.end(), [](char c) {
      return IsAsciiLetter(c) || IsTexSpace(c) || c == '-' || c == '/' || c == '.';
    });
    if (are_words) return EmitWords(content);
    if (nesting_ >= kMaxTextNesting) return Emit(TokenKind::kUnknown, content);
    Emit(TokenKind::kOpen, "{");
    Lexer(options_, is_latex_, nesting_ + 1, tokens_).Run(content);
    Emit(TokenKind::kClose, "}");
  }

  // \mathbb{R}, \mathbb R: the real numbers are no variable R.
  void ReadNumberSet() {
    const auto group = TakeGroup();
    const std::string_view name = TrimSpace(group ? *group : rest_.substr(0, 1));
    if (!group) Skip(1);
    Emit(name.size() == 1 ? TokenKind::kSymbol : TokenKind::kUnknown, "\\" + std::string(name));
  }

  void EmitWords(std::string_view words) {
    if (words.size() == 1 && IsAsciiLetter(words[0])) return Emit(TokenKind::kSymbol, words);
    const bool is_lone = std::none_of(words.begin(), words.end(), IsTexSpace);
    while (!words.empty()) {
      const auto end = std::find_if(words.begin(), words.end(), IsTexSpace);
      const std::string_view word = words.substr(0, static_cast<size_t>(end - words.begin()));
      const auto meaning = WordMeaning(word);
      // In a sentence "max" and "pi" are words; "or", "and", "percent" are what they are.
      const bool has_meaning =
          meaning && meaning->kind != TokenKind::kWord &&
          (is_lone || meaning->kind == TokenKind::kSeparator ||
           meaning->kind == TokenKind::kPercent || meaning->kind == TokenKind::kDegree);
      Emit(has_meaning ? meaning->kind : TokenKind::kText, has_meaning ? meaning->text : word);
      words = TrimSpace(words.substr(word.size()));
      if (!words.empty() && words[0] == '~') words.remove_prefix(1);
    }
  }

  void ReadEnvironment(bool is_begin) {
    const auto group = TakeGroup();
    const std::string_view name = group.value_or("");
    constexpr std::string_view kMatrices[] = {"array", "bmatrix", "matrix", "pmatrix",
                                              "smallmatrix"};
    const bool is_matrix =
        std::find(std::begin(kMatrices), std::end(kMatrices), name) != std::end(kMatrices);
    if (is_begin && name == "array") TakeGroup();  // the alignment of the columns
    num_matrices_ += is_begin ? 1 : -1;
    Emit(is_begin ? TokenKind::kBeginMatrix : TokenKind::kEndMatrix,
         is_matrix ? std::string_view("matrix") : name);
  }

  // --- Numbers --------------------------------------------------------------------------

  // "0.1\overline{6}": the digits under the line repeat for ever.
  bool ReadRepetend() {
    if (tokens_.empty() || tokens_.back().kind != TokenKind::kNumber) return false;
    std::string& number = tokens_.back().text;
    const size_t point = number.find('.');
    if (point == std::string::npos || number.find_first_of("e(") != std::string::npos) return false;
    const std::string_view before = rest_;
    const auto digits = TakeGroup();
    if (!digits || digits->empty() || CountDigits(*digits) != digits->size()) {
      rest_ = before;
      return false;
    }
    number += "(" + std::string(*digits) + ")";
    return true;
  }

  // Bytes of the separator at `rest_` if exactly three digits follow it, else 0.
  size_t GroupSeparator() const {
    std::string_view separators[] = {"{,}", ",\\!", "\\,", ",", " ", "\u202f", "\u00a0", "."};
    for (const std::string_view separator : separators) {
      if (!rest_.starts_with(separator)) continue;
      const bool is_point = separator == ".";
      if (is_point != options_.european_comma && (is_point || separator == ",")) return 0;
      if ((separator == "," || separator == " ") && bracket_depth_ > 0) return 0;
      size_t length = separator.size();
      // "11,\\! 111": space beside an explicit thousands separator is layout.
      while (separator == ",\\!" && length < rest_.size() && rest_[length] == ' ') ++length;
      const std::string_view after = rest_.substr(length);
      if (CountDigits(after) != 3) return 0;
      const char next = after.size() > 3 ? after[3] : '\0';
      if (separator == " " && (next == '/' || next == '.')) return 0;
      // European: one point may well be decimal, so only a later separator decides.
      if (is_point && next != '.' && next != ',') return 0;
      return length;
    }
    return 0;
  }

  void ReadNumber() {
    std::string number;
    const auto take_digits = [&] {
      const size_t count = CountDigits(rest_);
      number += rest_.substr(0, count);
      Skip(count);
      return count;
    };
    const size_t whole = take_digits();
    if (whole == 0) number = "0";
    bool has_point_groups = false;
    if (whole >= 1 && whole <= 3) {
      for (;;) {
        size_t separator = GroupSeparator();
        // The last group of "1.234.567": its point was told from a decimal one by the first.
        if (separator == 0 && has_point_groups && rest_.starts_with(".") &&
            CountDigits(rest_.substr(1)) == 3) {
          separator = 1;
        }
        if (separator == 0) break;
        has_point_groups |= rest_[0] == '.';
        Skip(separator);
        take_digits();
      }
    }
    ReadDecimals(number);
    const std::string_view sign = rest_.size() > 1 ? rest_.substr(1, 1) : "";
    const bool has_sign = sign == "+" || sign == "-";
    if (!rest_.empty() && (rest_[0] == 'e' || rest_[0] == 'E')) {
      const size_t digits = CountDigits(rest_.substr(has_sign ? 2 : 1));
      const size_t end = (has_sign ? 2 : 1) + digits;
      if (digits > 0 && (end >= rest_.size() || !IsAsciiLetter(rest_[end]))) {
        number += "e" + std::string(sign == "-" ? "-" : "") +
                  std::string(rest_.substr(end - digits, digits));
        Skip(end);
      }
    }
    Emit(TokenKind::kNumber, number);
  }

  void ReadDecimals(std::string& number) {
    const bool has_point =
        rest_.starts_with(".") || (options_.european_comma && rest_.starts_with(","));
    if (!has_point) return;
    const size_t digits = CountDigits(rest_.substr(1));
    const bool repeats = rest_[0] == '.' && rest_.substr(1).starts_with("\\overline");
    if (digits == 0 && !repeats) return;
    number += '.';
    number += rest_.substr(1, digits);
    Skip(1 + digits);
  }

  // --- Letters --------------------------------------------------------------------------

  // Several letters in a row are a word where they name something or where a sentence is
  // being written; in formulas they are a product of variables.
  void ReadLetters() {
    const size_t length = CountLetters(rest_);
    const std::string_view word = rest_.substr(0, length);
    const bool follows_word =
        space_before_ && !is_latex_ && !tokens_.empty() &&
        (tokens_.back().kind == TokenKind::kWord || tokens_.back().kind == TokenKind::kNumber);
    auto meaning = length > 1 ? WordMeaning(word) : std::nullopt;
    // \frac{NO}{ON} divides segments.
    const bool has_lower = std::any_of(word.begin(), word.end(), [](char c) { return c >= 'a'; });
    if (is_latex_ && !has_lower) meaning.reset();
    // "5 min" and "5 sec" apply no function.
    const char next = length < rest_.size() ? rest_[length] : ' ';
    const bool may_be_unit = word == "min" || word == "sec";
    if (may_be_unit && next != '(' && next != '{') meaning = Meaning{TokenKind::kWord, ""};
    if (meaning) {
      Emit(meaning->kind,
           meaning->text.empty() && meaning->kind == TokenKind::kWord ? word : meaning->text);
    } else if (length >= 4 || (length >= 2 && follows_word)) {
      Emit(TokenKind::kWord, word.substr(0, kMaxWordLetters));
      // What is cut stays visible, or two long words would be one.
      if (length > kMaxWordLetters) Emit(TokenKind::kUnknown, word.substr(kMaxWordLetters));
    } else {
      for (size_t i = 0; i < length; ++i) Emit(TokenKind::kSymbol, word.substr(i, 1));
    }
    Skip(length);
  }

  const LexOptions& options_;
  const bool is_latex_;
  const int nesting_;
  std::vector<Token>& tokens_;
  std::string_view rest_;
  bool space_before_ = false;
  int bracket_depth_ = 0;
  int num_matrices_ = 0;
};

}  // namespace

std::vector<Token> LexAnswer(std::string_view text, const LexOptions& options) {
  std::vector<Token> tokens;
  const bool is_latex = text.find('\\') != std::string_view::npos;
  Lexer(options, is_latex, 0, tokens).Run(text);
  tokens.push_back({});
  return tokens;
}

std::string Spell(const std::vector<Token>& tokens) {
  std::string spelling;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::kEnd) break;
    spelling += static_cast<char>('A' + static_cast<int>(token.kind));
    spelling += token.text;
    spelling += ' ';
  }
  return spelling;
}

}  // namespace agon::envs
