// Two answers, from the halves of the input, are graded against each other without a crash;
// an answer that is understood equals itself, and grading is the same every time.
#include "envs/math/grade.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const size_t line = std::min(bytes.find('\n'), bytes.size());
  const std::string_view gold = bytes.substr(0, line);
  const std::string_view answer = bytes.substr(std::min(line + 1, bytes.size()));
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    const std::string response = "\\boxed{" + std::string(answer) + "}";
    const envs::MathGrade grade = envs::GradeMath(gold, response);
    AGON_CHECK(!grade.reason.empty());
    AGON_CHECK(grade.correct == (grade.reason == "right"));
    const envs::MathGrade again = envs::GradeMath(gold, response);
    AGON_CHECK(grade.correct == again.correct && grade.reason == again.reason);
    const envs::MathGrade itself = envs::GradeMath(gold, "Answer: " + std::string(gold));
    // Markers and emphasis inside a gold are not part of its answer.
    constexpr std::string_view kMarks = "#*`$\\:<\n ";
    if (gold.find_first_of(kMarks) == std::string_view::npos) AGON_CHECK(itself.correct, gold);
    envs::GradeMath(gold, answer, {.european_comma = true});
  });
}

}  // namespace agon
