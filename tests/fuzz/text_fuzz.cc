// Cleaned text is valid UTF-8 without control characters; WordNet's reader takes any bytes.
#include <string>

#include "datasets/clean.h"
#include "datasets/wordnet.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  std::string text(bytes);
  if (*datasets::CleanText(text) == 0) {
    AGON_CHECK(datasets::IsValidUtf8(text) && !text.empty());
    for (const char c : text) {
      AGON_CHECK(static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n');
    }
    datasets::CheckProse(text);
    AGON_CHECK(datasets::HashNormalizedText(text) == datasets::HashNormalizedText(text + " "));
  }
  int64_t num_broken = 0;
  datasets::ReadWordNet(bytes, num_broken);
  AGON_CHECK(num_broken >= 0);
}

}  // namespace agon
