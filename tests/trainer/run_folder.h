// Tests that train whole tiny runs in this process: a folder for them, and no progress bars.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/progress.h"
#include "trainer/run.h"

namespace agon::trainer {

class RunFolderTest : public ::testing::Test {
 protected:
  // Runs of `recipe`, a TOML text.
  explicit RunFolderTest(std::string recipe) : root_(Root()), recipe_(std::move(recipe)) {
    fs::remove_all(root_);
    fs::create_directories(root_);
    SetProgressEnabled(false);
  }
  ~RunFolderTest() override {
    fs::remove_all(root_);
    SetProgressEnabled(true);
  }

  static fs::path Root() {
    return fs::temp_directory_path() / ("agon-run-" + std::to_string(::getpid()));
  }

  // Trains in root_/name; what the run printed.
  std::string Train(const std::string& name, bool resume = false,
                    const std::vector<std::string>& overrides = {}) {
    RunOptions options;
    options.out = root_ / name;
    options.resume = resume;
    options.resume_command = "rl-train tiny.toml --resume";
    std::ostringstream out;
    RunRecipe(ParseRecipe(recipe_, "tiny", overrides), options, out);
    return out.str();
  }

  const fs::path root_;

 private:
  const std::string recipe_;
};

}  // namespace agon::trainer
