#include "judge/eval/sample_json.h"

#include "core/error.h"

namespace agon::judge {

Json SampleJson(const SampleRecord& sample) {
  Json json = {{"benchmark", sample.benchmark},   {"task", sample.task_index},
               {"sample", sample.sample},         {"family", sample.family},
               {"difficulty", sample.difficulty}, {"prompt", sample.prompt},
               {"answer", sample.answer},         {"completion", sample.completion},
               {"extracted", sample.extracted},   {"reason", sample.reason},
               {"reward", sample.reward},         {"correct", sample.correct},
               {"truncated", sample.truncated},   {"masked", sample.masked},
               {"num_tokens", sample.num_tokens}};
  if (!sample.scores.empty()) {
    Json& scores = json["scores"] = Json::object();
    for (const auto& [name, value] : sample.scores) scores[name] = NumberOrNull(value);
  }
  return json;
}

SampleRecord ReadSample(const Json& json, const std::string& where) {
  SampleRecord sample;
  sample.benchmark = JsonField<std::string>(json, "benchmark", where);
  sample.task_index = JsonField<uint64_t>(json, "task", where);
  sample.sample = JsonField<uint32_t>(json, "sample", where);
  sample.family = JsonField<std::string>(json, "family", where);
  sample.difficulty = JsonField<int>(json, "difficulty", where);
  sample.prompt = JsonField<std::string>(json, "prompt", where);
  sample.answer = JsonField<std::string>(json, "answer", where);
  sample.completion = JsonField<std::string>(json, "completion", where);
  sample.extracted = JsonField<std::string>(json, "extracted", where);
  sample.reason = JsonField<std::string>(json, "reason", where);
  sample.reward = JsonField<double>(json, "reward", where);
  sample.correct = JsonField<bool>(json, "correct", where);
  sample.truncated = JsonField<bool>(json, "truncated", where);
  sample.masked = JsonField<bool>(json, "masked", where);
  sample.num_tokens = JsonField<int>(json, "num_tokens", where);
  if (!json.contains("scores")) return sample;
  const Json& scores = json.at("scores");
  if (!scores.is_object()) {
    throw Error(ErrorKind::kCorrupt, "field \"scores\" is no object", where);
  }
  for (const auto& [name, value] : scores.items()) {
    if (value.is_number()) sample.scores[name] = value.get<double>();
  }
  return sample;
}

}  // namespace agon::judge
