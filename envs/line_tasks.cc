#include "envs/line_tasks.h"

#include <charconv>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"
#include "envs/problem_env.h"

namespace agon::envs {
namespace {

// A walk of coprime steps meets each of `size` places once a round.
size_t Place(const RngKey& key, uint64_t index, size_t size) {
  Rng rng(key);
  size_t step = size == 1 ? 0 : 1 + rng.Below(size - 1);
  while (size > 1 && std::gcd(step, size) != 1) step = step % (size - 1) + 1;
  const size_t start = rng.Below(size);
  return static_cast<size_t>((start + static_cast<__int128>(index % size) * step) % size);
}

}  // namespace

void LineTasks::Add(std::string_view question) {
  of_split_[static_cast<size_t>(SplitOf(family_, question))].push_back(
      static_cast<size_t>(size_++));
}

Task LineTasks::Find(const std::string& spec, Split split, uint64_t seed, uint64_t index) const {
  if (size_ == 0) {
    throw Error(ErrorKind::kUsage, "no file of tasks", id_,
                "name one: \"" + id_.substr(0, id_.rfind("-v")) + "(file=PATH)\"");
  }
  const auto& lines = of_split_[static_cast<size_t>(split)];
  if (lines.empty()) {
    throw Error(ErrorKind::kUsage,
                std::string("no task falls into the ") + SplitName(split) + " split", spec,
                "give a file with more tasks");
  }
  const RngKey key{seed, RngStream::kTask, Hash64(id_, static_cast<uint64_t>(split)),
                   index / lines.size(), 0};
  Task task;
  task.id = {spec, split, seed, index};
  task.family = family_;
  task.state = std::to_string(lines[Place(key, index, lines.size())]);
  return task;
}

size_t LineTasks::LineOf(const Task& task) const {
  size_t line = 0;
  const char* const end = task.state.data() + task.state.size();
  const auto [rest, error] = std::from_chars(task.state.data(), end, line);
  if (error != std::errc() || rest != end || line >= static_cast<size_t>(size_)) {
    throw Error(ErrorKind::kCorrupt, "no line \"" + task.state + "\" in the file",
                "task " + std::to_string(task.id.index) + " of " + task.id.env);
  }
  return line;
}

}  // namespace agon::envs
