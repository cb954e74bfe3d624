// Tasks that are the lines of a file: their splits, their order and their names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/env.h"

namespace agon::envs {

// Immutable once filled, then thread-safe.
class LineTasks {
 public:
  // `id` is EnvInfo::id. Without any line, as where no file is given yet, nothing is found.
  LineTasks(std::string id, std::string family) : id_(std::move(id)), family_(std::move(family)) {}

  // The next line of the file. What it asks decides its split (SplitOf).
  void Add(std::string_view question);

  int64_t size() const { return size_; }

  // The task of this name, but for what the line says: `messages` and `answer` are empty, and
  // LineOf(task) tells which it is. Every line of a split comes once before any comes again,
  // in an order that depends on the seed. Throws Error(kUsage) where the split has none.
  Task Find(const std::string& spec, Split split, uint64_t seed, uint64_t index) const;

  // The line that `task` names, from 0. Throws Error(kCorrupt) if there is no such line.
  size_t LineOf(const Task& task) const;

 private:
  std::string id_, family_;
  int64_t size_ = 0;
  std::array<std::vector<size_t>, 3> of_split_;  // lines, by Split
};

}  // namespace agon::envs
