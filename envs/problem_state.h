// Task::state of a problem: {"steps": [text], "given": [integer]}. Private to envs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

// For errors: "task 7 of math/shop-v1".
std::string NameInErrors(const Task& task);
// Throws Error(kCorrupt) unless it is a task of the environment `id`.
void CheckIsOf(std::string_view id, const Task& task);

// "given". Reads what agon wrote without building a JSON value, anything else with the full
// parser: the result is the same. Throws Error(kCorrupt) naming the task.
std::vector<int64_t> GivenOf(const Task& task);

}  // namespace agon::envs
