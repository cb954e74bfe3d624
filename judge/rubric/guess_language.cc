#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "core/utf8.h"
#include "judge/rubric/rules.h"

namespace agon::judge {
namespace {

// What fraction of a text's letters must be of one script, and how many words must speak for a
// language, before a guess is made.
constexpr double kMinShare = 0.5;
constexpr int kMinWords = 2;

struct Script {
  const char* language;
  uint32_t first, last;
};
// Kana decides for Japanese, whose other letters are Chinese, so it comes first.
constexpr std::array<Script, 11> kScripts = {{{"ja", 0x3040, 0x30ff},
                                              {"ko", 0xac00, 0xd7af},
                                              {"zh", 0x4e00, 0x9fff},
                                              {"ru", 0x0400, 0x04ff},
                                              {"el", 0x0370, 0x03ff},
                                              {"ar", 0x0600, 0x06ff},
                                              {"he", 0x0590, 0x05ff},
                                              {"hi", 0x0900, 0x097f},
                                              {"th", 0x0e00, 0x0e7f},
                                              {"latin", 'A', 'z'},
                                              {"latin", 0x00c0, 0x024f}}};

// The most common words that the other languages here don't have.
const std::array<std::pair<const char*, const char*>, 7> kWords = {{
    {"en", " the of and is that it was for with this are you have not they be which from "},
    {"de", " der die und das ist nicht ein eine ich mit sich auf dem den auch wir sie wird "},
    {"fr", " le les et est des une du dans pour qui que pas sur vous je il nous avec ce "},
    {"es", " el los y las del una por con para es como pero su más lo este está muy "},
    {"it", " il di che è gli della per non sono con una anche più nel questo ma alla "},
    {"pt", " o os e do da em um uma não para com são mais ao dos foi você isso "},
    {"nl", " het een en van niet dat zijn op ook maar wordt voor aan deze heeft ik je "},
}};

std::string GuessByWords(std::string_view text) {
  std::map<std::string, int> votes;
  std::string word = " ";
  const auto end_word = [&] {
    word += ' ';
    for (const auto& [language, words] : kWords) {
      if (word.size() > 2 && std::string_view(words).find(word) != std::string_view::npos) {
        ++votes[language];
      }
    }
    word = " ";
  };
  for (const char c : text) {
    const bool is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
    if (is_upper || is_lower || static_cast<unsigned char>(c) >= 0x80) {
      if (word.size() < 16) word += is_upper ? static_cast<char>(c | 0x20) : c;
    } else if (word.size() > 1) {
      end_word();
    }
  }
  end_word();
  int most = 0;
  std::string best;
  for (const auto& [language, count] : votes) {
    if (count == most) best.clear();  // no one language
    if (count > most) most = count, best = language;
  }
  return most >= kMinWords ? best : "";
}

}  // namespace

std::string GuessLanguage(std::string_view text) {
  std::map<std::string, int> letters;
  int total = 0;
  for (size_t i = 0; i < text.size();) {
    const Utf8Character character = NextUtf8(text.substr(i));
    const uint32_t code = character.code;  // 0 of a broken byte
    i += std::max<size_t>(character.length, 1);
    if (code > 'Z' && code < 'a') continue;
    const auto* script = std::find_if(kScripts.begin(), kScripts.end(), [&](const Script& s) {
      return code >= s.first && code <= s.last;
    });
    if (script == kScripts.end()) continue;
    ++letters[script->language];
    ++total;
  }
  if (letters["ja"] > 0 && letters["ja"] + letters["zh"] > kMinShare * total) return "ja";
  for (const auto& [language, count] : letters) {
    if (count <= kMinShare * total) continue;
    return language == "latin" ? GuessByWords(text) : language;
  }
  return "";
}

bool IsKnownLanguage(std::string_view code) {
  const auto matches = [&](const auto& entry) { return code == entry.first; };
  const auto writes = [&](const Script& script) { return code == script.language; };
  return code != "latin" && (std::any_of(kWords.begin(), kWords.end(), matches) ||
                             std::any_of(kScripts.begin(), kScripts.end(), writes));
}

}  // namespace agon::judge
