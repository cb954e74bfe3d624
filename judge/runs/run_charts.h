// Curves of runs over one another, a line for each group: the mean over its runs.
#pragma once

#include <span>
#include <string>

#include "judge/runs/run_group.h"

namespace agon::judge {

// HTML; "" if no run logged anything.
std::string RunCharts(std::span<const RunGroup> groups);

}  // namespace agon::judge
