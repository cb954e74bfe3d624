#include "datasets/wordnet.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace agon::datasets {
namespace {

// The next field of a line, "" at its end.
std::string_view NextField(std::string_view& line) {
  const size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const size_t end = std::min(line.find(' ', begin), line.size());
  const std::string_view field = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return field;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \r") - begin + 1);
}

// "physical_object" -> "physical object"; an adjective's marker "galore(ip)" goes.
std::string ReadableWord(std::string_view word) {
  std::string readable(word.substr(0, word.find('(')));
  std::replace(readable.begin(), readable.end(), '_', ' ');
  return readable;
}

// offset lex_filenum ss_type w_cnt(hex) {word lex_id} ... | gloss
bool AppendEntry(std::string_view line, std::string& out) {
  constexpr int kMaxWords = 3;
  const size_t bar = line.find('|');
  if (bar == line.npos) return false;
  const std::string_view gloss = Trim(line.substr(bar + 1));
  line = line.substr(0, bar);
  for (int i = 0; i < 3; ++i) NextField(line);
  const std::string_view count = NextField(line);
  int num_words = 0;
  const auto [end, error] =
      std::from_chars(count.data(), count.data() + count.size(), num_words, 16);
  if (error != std::errc() || end != count.data() + count.size() || num_words < 1) return false;
  std::string words;
  for (int i = 0; i < std::min(num_words, kMaxWords); ++i) {
    const std::string_view word = NextField(line);
    NextField(line);  // the sense's number in its file
    if (word.empty()) return false;
    words += (i == 0 ? "" : ", ") + ReadableWord(word);
  }
  if (gloss.empty()) return false;
  out += words + ": ";
  out += gloss;
  if (gloss.back() != '.') out += '.';
  out += '\n';
  return true;
}

}  // namespace

std::vector<std::string> ReadWordNet(std::string_view data_file, int64_t& num_broken) {
  constexpr size_t kTextBytes = 2048;
  std::vector<std::string> texts;
  std::string text;
  for (size_t i = 0; i < data_file.size();) {
    const size_t end = std::min(data_file.find('\n', i), data_file.size());
    const std::string_view line = data_file.substr(i, end - i);
    i = end + 1;
    if (line.empty() || line.front() == ' ') continue;
    if (!AppendEntry(line, text)) ++num_broken;
    if (text.size() >= kTextBytes) texts.push_back(std::exchange(text, {}));
  }
  if (!text.empty()) texts.push_back(std::move(text));
  return texts;
}

}  // namespace agon::datasets
