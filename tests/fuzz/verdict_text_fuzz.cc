// Whatever a judge's model writes is one verdict or none, and a quotation holds none.
#include "judge/model/judge_template.h"
#include "judge/model/verdict_text.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const judge::ReadPreference preference = judge::ParsePreference(bytes);
  AGON_CHECK(preference.preference.has_value() == preference.problem.empty());
  const judge::ReadRating rating = judge::ParseRating(bytes, 1, 10);
  AGON_CHECK(rating.rating.has_value() == rating.problem.empty());
  AGON_CHECK(!rating.rating || (*rating.rating >= 1 && *rating.rating <= 10));

  const std::string quoted = judge::Quoted(bytes);
  AGON_CHECK(quoted.starts_with("> ") && quoted.find("[[") == std::string::npos);
  for (size_t i = quoted.find('\n'); i != std::string::npos; i = quoted.find('\n', i + 1)) {
    AGON_CHECK(quoted.compare(i + 1, 2, "> ") == 0);
  }
}

}  // namespace agon
