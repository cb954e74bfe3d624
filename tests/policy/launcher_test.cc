// Which environments say that a launcher started several processes.
#include "policy/mpi/launcher.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace agon::policy {
namespace {

class Launcher : public testing::Test {
 protected:
  void SetUp() override {
    if (LaunchedProcesses() != 1) GTEST_SKIP() << "runs under a launcher itself";
  }
  ~Launcher() override {
    for (const char* name :
         {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_STEP_NUM_TASKS"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(Launcher, MpirunCounts) {
  ::setenv("PMIX_RANK", "0", 1);
  ::setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
  EXPECT_EQ(LaunchedProcesses(), 3);
}

TEST_F(Launcher, SlurmCountsForMpiWithPmixAlone) {
  ::setenv("SLURM_STEP_NUM_TASKS", "8", 1);
  EXPECT_EQ(LaunchedProcesses(), 1);
  ::setenv("PMIX_RANK", "5", 1);
  EXPECT_EQ(LaunchedProcesses(), 8);
  ::setenv("PMI_SIZE", "4", 1);
  EXPECT_EQ(LaunchedProcesses(), 4);
}

}  // namespace
}  // namespace agon::policy
