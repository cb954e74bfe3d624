#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/names.h"
#include "judge/judge.h"
#include "judge/kinds/kinds.h"
#include "judge/rubric/rubric.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr const char* kForms = "judges are rubric:FILE, reference[:HOW] and env:ID";

std::shared_ptr<const Judge> FromRubric(const std::string& name, const std::string& file) {
  const std::string text = ReadFile(file, kMaxFileBytes);
  JudgeInfo info;
  info.name = name;
  info.fingerprint = "rubric:" + text;
  return MakeRubricJudge(ParseRubric(text, file), std::move(info));
}

}  // namespace

std::shared_ptr<const Judge> MakeJudge(const std::string& name) {
  const size_t colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : name.substr(colon + 1);
  if (kind == "reference") return MakeReferenceJudge(name, rest);
  static const std::vector<std::string> kKinds = {"rubric", "reference", "env"};
  const bool is_known = std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
  if (!is_known) {
    const std::string nearest = NearestName(kind, kKinds);
    throw Error(ErrorKind::kUsage, "no judge is called \"" + name + "\"", "judge",
                nearest.empty() ? kForms : "did you mean \"" + nearest + ":...\"? " + kForms);
  }
  if (rest.empty()) {
    throw Error(ErrorKind::kUsage, "nothing follows \"" + kind + "\" in \"" + name + "\"", "judge",
                kForms);
  }
  if (kind == "env") return MakeEnvironmentJudge(name, rest);
  return FromRubric(name, rest);
}

}  // namespace agon::judge
