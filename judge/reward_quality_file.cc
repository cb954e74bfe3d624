// reward_models.json of a run directory.
#include <utility>

#include "core/file.h"
#include "core/json.h"
#include "judge/reward_quality.h"

namespace agon::judge {
namespace {

// What a number is called, and where it stands.
using QualityNumber = std::pair<const char*, double RewardQuality::*>;
constexpr QualityNumber kQualityNumbers[] = {
    {"bayes_accuracy", &RewardQuality::bayes_accuracy},
    {"log_loss", &RewardQuality::log_loss},
    {"calibration_error", &RewardQuality::calibration_error},
    {"mean_margin", &RewardQuality::mean_margin},
    {"reward_mean", &RewardQuality::reward_mean},
    {"reward_deviation", &RewardQuality::reward_deviation}};
using Estimated = std::pair<const char*, Estimate RewardQuality::*>;
constexpr Estimated kEstimates[] = {
    {"accuracy", &RewardQuality::accuracy},
    {"share_of_bayes", &RewardQuality::share_of_bayes},
    {"gold_accuracy", &RewardQuality::gold_accuracy},
    {"length_slope", &RewardQuality::length_slope},
    {"gold_length_slope", &RewardQuality::gold_length_slope},
    {"length_slope_at_equal_gold", &RewardQuality::length_slope_at_equal_gold}};

double NumberOrNan(const Json& json, const char* key, std::string_view where) {
  const Json value = JsonField<Json>(json, key, where);
  return value.is_null() ? kNan : JsonField<double>(json, key, where);
}

Json QualityEstimateJson(const Estimate& estimate) {
  return {{"value", NumberOrNull(estimate.value)},
          {"stderr", NumberOrNull(estimate.stderr_)},
          {"low", NumberOrNull(estimate.ci_low)},
          {"high", NumberOrNull(estimate.ci_high)},
          {"n", estimate.num_clusters}};
}

Estimate ReadQualityEstimate(const Json& json, std::string_view where) {
  Estimate estimate;
  estimate.value = NumberOrNan(json, "value", where);
  estimate.stderr_ = NumberOrNan(json, "stderr", where);
  estimate.ci_low = NumberOrNan(json, "low", where);
  estimate.ci_high = NumberOrNan(json, "high", where);
  estimate.num_clusters = JsonField<int64_t>(json, "n", where);
  return estimate;
}

Json QualityJson(const RewardQuality& quality) {
  Json json = {{"model", quality.model},
               {"preferences", quality.num_preferences},
               {"pairs", quality.num_pairs}};
  for (const auto& [name, field] : kQualityNumbers) json[name] = NumberOrNull(quality.*field);
  for (const auto& [name, field] : kEstimates) json[name] = QualityEstimateJson(quality.*field);
  json["calibration"] = Json::array();
  for (const CalibrationBin& bin : quality.calibration) {
    json["calibration"].push_back({{"predicted", bin.predicted},
                                   {"observed", QualityEstimateJson(bin.observed)},
                                   {"pairs", bin.num_pairs}});
  }
  json["margins"] = Json::array();
  for (const MarginBin& bin : quality.margins) {
    json["margins"].push_back(
        {{"low", bin.low}, {"high", bin.high}, {"true", bin.num_true}, {"wrong", bin.num_wrong}});
  }
  return json;
}

RewardQuality ReadQuality(const Json& json, std::string_view where) {
  RewardQuality quality;
  quality.model = JsonField<std::string>(json, "model", where);
  quality.num_preferences = JsonField<int64_t>(json, "preferences", where);
  quality.num_pairs = JsonField<int64_t>(json, "pairs", where);
  for (const auto& [name, field] : kQualityNumbers) quality.*field = NumberOrNan(json, name, where);
  for (const auto& [name, field] : kEstimates) {
    quality.*field = ReadQualityEstimate(JsonField<Json>(json, name, where), where);
  }
  for (const Json& bin : JsonField<Json>(json, "calibration", where)) {
    quality.calibration.push_back(
        {JsonField<double>(bin, "predicted", where),
         ReadQualityEstimate(JsonField<Json>(bin, "observed", where), where),
         JsonField<int64_t>(bin, "pairs", where)});
  }
  for (const Json& bin : JsonField<Json>(json, "margins", where)) {
    quality.margins.push_back(
        {JsonField<double>(bin, "low", where), JsonField<double>(bin, "high", where),
         JsonField<int64_t>(bin, "true", where), JsonField<int64_t>(bin, "wrong", where)});
  }
  return quality;
}

}  // namespace

void WriteRewardQuality(const std::filesystem::path& file,
                        const std::vector<RewardQuality>& models) {
  Json json = Json::array();
  for (const RewardQuality& quality : models) json.push_back(QualityJson(quality));
  WriteFileAtomic(file, DumpJson(json, 2) + "\n");
}

std::vector<RewardQuality> ReadRewardQuality(const std::filesystem::path& file) {
  std::vector<RewardQuality> models;
  if (!std::filesystem::exists(file)) return models;
  for (const Json& json : ReadJson(file.string())) {
    models.push_back(ReadQuality(json, file.string()));
  }
  return models;
}

}  // namespace agon::judge
