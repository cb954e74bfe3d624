// Runs side by side for readers. Pure text in, text out.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "judge/runs/run_group.h"
#include "judge/runs/run_measures.h"

namespace agon::judge {

struct RunComparison {
  std::vector<RunGroup> groups;
  std::vector<RunMeasure> measures;
  std::vector<RecipeDifference> differences;
};
RunComparison CompareRuns(std::vector<RunGroup> groups);

// One page: what came out, the curves over one another, what differs in the recipes.
std::string RunsHtml(const RunComparison& comparison);
// The tables of that.
std::string RunsMarkdown(const RunComparison& comparison);
// What came out as aligned text, for a terminal.
std::string RunsTable(const RunComparison& comparison);
// Every measure with each run's value, one JSON object.
std::string RunsJson(const RunComparison& comparison);

}  // namespace agon::judge
