// What a model writes is graded without a crash, and a number that is read twice is one number.
#include "envs/math/expression.h"
#include "envs/math/extract.h"
#include "envs/math/rational.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const envs::ExtractedAnswer answer = envs::ExtractAnswer(bytes);
  AGON_CHECK(answer.text.empty() != answer.problem.empty());
  const envs::Evaluation evaluation = envs::Evaluate(bytes);
  AGON_CHECK(evaluation.value.has_value() == evaluation.problem.empty());
  if (const auto number = envs::ParseNumber(bytes)) {
    // Written out, a number may have more digits than ParseNumber takes.
    const auto again = envs::ParseNumber(number->ToString());
    AGON_CHECK(!again || again == number);
  }
}

}  // namespace agon
