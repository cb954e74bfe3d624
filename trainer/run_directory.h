// Who may write to a run directory: one process, with the recipe that began it.
#pragma once

#include <filesystem>

#include "trainer/recipe.h"

namespace agon::trainer {

class RunDirectory {
 public:
  // Creates `dir` with its recipe.toml, or takes it up if `resume`. Throws kUsage if it
  // isn't empty and not to be resumed, if another recipe began it (naming the keys), or if
  // another process is at work in it.
  RunDirectory(const std::filesystem::path& dir, const Recipe& recipe, bool resume);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::filesystem::path& path() const { return dir_; }

 private:
  void Lock();

  std::filesystem::path dir_;
  int lock_ = -1;  // of the folder itself; the kernel frees it when the process ends
};

}  // namespace agon::trainer
