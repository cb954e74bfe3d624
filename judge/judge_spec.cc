#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "core/file.h"
#include "core/names.h"
#include "envs/choice.h"
#include "judge/judge.h"
#include "judge/kinds/kinds.h"
#include "judge/model/settings.h"
#include "judge/reward_checkpoints.h"
#include "judge/reward_model.h"
#include "judge/rubric/rubric.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr const char* kForms =
    "judges are rubric:FILE, reference[:HOW], env:ID, reward:DIR, reward:URL, model:DIR, "
    "endpoint:http://HOST:PORT/v1#NAME and FILE.toml";

std::shared_ptr<const Judge> FromFile(const std::string& name, const policy::Device& device) {
  ModelJudgeSettings settings;
  SettingsTable(settings).ReadToml(ReadFile(name, kMaxFileBytes), name);
  return MakeModelJudgeFrom(name, settings, device);
}

// "model:DIR(style=logprob)": the part before the parenthesis is the model.
std::shared_ptr<const Judge> FromModelName(const std::string& name, const policy::Device& device) {
  const envs::SpecText text = envs::SplitSpec(name);
  ModelJudgeSettings settings;
  ConfigTable table = SettingsTable(settings);
  settings.model = text.id;
  for (const envs::Assignment& assignment : envs::SplitParams(text.params)) {
    if (assignment.text.empty()) continue;
    try {
      table.Set("judge." + std::string(assignment.text));
    } catch (const Error& error) {
      // The table thinks of a flag.
      const std::string_view what = error.what();
      throw Error(error.kind(), what.substr(what.starts_with("--set: ") ? 7 : 0), name);
    }
  }
  return MakeModelJudgeFrom(name, settings, device);
}

std::shared_ptr<const Judge> FromRubric(const std::string& name, const std::string& file) {
  const std::string text = ReadFile(file, kMaxFileBytes);
  JudgeInfo info;
  info.name = name;
  info.fingerprint = "rubric:" + Sha256(text);
  return MakeRubricJudge(ParseRubric(text, file), std::move(info));
}

std::shared_ptr<const Judge> FromReward(const std::string& name, const std::string& model,
                                        const policy::Device& device) {
  if (model.starts_with("http://") || model.starts_with("https://")) {
    return MakeRewardModelJudge(MakeRemoteRewardModel(model), name);
  }
  return MakeRewardModelJudge(MakeBatchedRewardModel(LoadRewardCheckpoints(model, name, device)),
                              name);
}

}  // namespace

std::shared_ptr<const Judge> MakeJudge(const std::string& name, const policy::Device& device) {
  if (name.ends_with(".toml") && name.find(':') == std::string::npos) {
    return FromFile(name, device);
  }
  const size_t colon = name.find(':');
  const std::string kind = name.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : name.substr(colon + 1);
  if (kind == "reference") return MakeReferenceJudge(name, rest);
  static const std::vector<std::string> kKinds = {"rubric", "reference", "env",
                                                  "reward", "model",     "endpoint"};
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
  if (kind == "rubric") return FromRubric(name, rest);
  if (kind == "env") return MakeEnvironmentJudge(name, rest);
  if (kind == "reward") return FromReward(name, rest, device);
  return FromModelName(name, device);
}

}  // namespace agon::judge
