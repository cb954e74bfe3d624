// What was evaluated before: graded tasks on disk, by everything that their grades depend on.
//
// One JSON lines file for each (model, benchmark, sampling, versions); its name is the hash of
// that key and its first line the key itself. Each further line is one task with the hash of
// what it asks, the seconds it took and its samples, appended as they are graded: an evaluation
// that was interrupted goes on where it stopped, and one of more tasks reuses those of one with
// fewer. A line that a kill cut, or that anything else broke, counts as absent. Results of
// another model, prompt, seed or grader version have other keys and can't be taken for these.
// A task with a masked sample isn't kept: what failed then may not fail the next time.
//
// Two processes may share a folder: they may compute a task twice, never mix it up. An
// EvalCache belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "judge/eval.h"

namespace agon::judge {

struct CachedTask {
  uint64_t hash = 0;   // Benchmark::TaskHash
  double seconds = 0;  // its share of the time that it was computed in
  std::vector<SampleRecord> samples;
};

class EvalCache {
 public:
  // Reads what is there. An empty `folder` keeps nothing. Throws kIo.
  EvalCache(const std::filesystem::path& folder, const std::string& key);

  // The task, if what it asks still hashes to `hash`; else nullptr.
  const CachedTask* Find(uint64_t task, uint64_t hash) const;

  // Keeps it, and returns it as Find will from now on: text that isn't UTF-8 is not kept as it
  // is, so nobody should see the difference between a first run and a second. One that is masked
  // is found as long as this object lives.
  const CachedTask& Add(uint64_t task, const CachedTask& computed);

  // Writes what was added to the disk.
  void Sync();

 private:
  std::map<uint64_t, CachedTask> tasks_;
  std::unique_ptr<AppendFile> file_;  // null: nothing is kept
};

}  // namespace agon::judge
