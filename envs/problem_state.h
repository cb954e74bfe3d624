// Task::state of a problem: {"steps": [text], "given": [integer]}. Private to envs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

// For errors: "task 7 of math/shop-v1".
std::string NameInErrors(const Task& task);

// "given". Reads what agon wrote without building a JSON value, anything else with the full
// parser: the result is the same. Throws Error(kCorrupt) naming the task.
std::vector<int64_t> GivenOf(const Task& task);

}  // namespace agon::envs
