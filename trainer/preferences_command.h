// What `rl-data preferences` does.
#pragma once

#include <iosfwd>
#include <string>

#include "policy/policy.h"
#include "trainer/label_completions.h"

namespace agon::trainer {

struct PreferencesCommand {
  LabelingConfig labeling;
  std::string
      model;  // directory whose completions are labeled; "": the environment's demonstrators
  std::string device = "auto";
  std::string path;  // JSON lines that are written, whole or not at all
  bool is_json = false;
};

// Writes the preferences, and what they are to `out`. Throws Error(kUsage) for numbers out of
// range, and what LabelSamples and LabelDemonstrations throw.
void RunPreferences(const PreferencesCommand& command, std::ostream& out);

}  // namespace agon::trainer
