#include "trainer/preferences_command.h"

#include <cstdio>
#include <ostream>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "serve/model_directory.h"

namespace agon::trainer {
namespace {

void Check(const LabelingConfig& config) {
  const auto refuse = [](const std::string& what, const char* flag) {
    throw Error(ErrorKind::kUsage, what, flag);
  };
  if (config.num_completions < 2 ||
      config.num_completions > static_cast<int>(datasets::kMaxRanked)) {
    refuse(std::to_string(config.num_completions) + " completions; a preference ranks 2 to " +
               std::to_string(datasets::kMaxRanked),
           "--completions");
  }
  if (config.num_tasks < 1) refuse("at least one task is labeled", "--tasks");
  const LabelerConfig& labelers = config.labelers;
  if (labelers.num_labelers < 1) refuse("at least one labeler is needed", "--labelers");
  if (!(labelers.label_noise >= 0 && labelers.label_noise <= 0.5f)) {
    refuse("label noise is a share from 0 to 0.5", "--noise");
  }
  if (!(labelers.disagreement >= 0 && labelers.disagreement <= 10)) {
    refuse("disagreement is a deviation from 0 to 10", "--disagreement");
  }
}

std::vector<datasets::Preference> Labeled(const PreferencesCommand& command) {
  if (command.model.empty()) return LabelDemonstrations(command.labeling);
  const auto model =
      serve::LoadModelDirectory(command.model, policy::ParseDevice(command.device, "--device"),
                                policy::Workload{.decoded_rows = policy::Sampling().max_rows});
  const datasets::ChatTemplate chat(model.tokenizer);
  return LabelSamples(command.labeling, *model.policy, chat);
}

}  // namespace

void RunPreferences(const PreferencesCommand& command, std::ostream& out) {
  Check(command.labeling);
  const auto preferences = Labeled(command);
  std::string lines;
  for (const auto& preference : preferences) lines += datasets::PreferenceLine(preference) + "\n";
  WriteFileAtomic(command.path, lines);

  const size_t contradictions = datasets::FindContradictions(preferences).size();
  const double bayes = MeanBayesAccuracy(preferences);
  if (command.is_json) {
    out << DumpJson({{"file", command.path},
                     {"preferences", preferences.size()},
                     {"tasks", command.labeling.num_tasks},
                     {"completions", command.labeling.num_completions},
                     {"contradictions", contradictions},
                     {"bayes_accuracy", bayes}},
                    2)
        << "\n";
    return;
  }
  char text[256];
  std::snprintf(text, sizeof text,
                "%zu preferences of %d completions, of %d tasks\n"
                "%zu pairs are ordered both ways\n"
                "an oracle is right on %.2f %% of pairs\n",
                preferences.size(), command.labeling.num_completions, command.labeling.num_tasks,
                contradictions, 100 * bayes);
  out << text << command.path << "\n";
}

}  // namespace agon::trainer
