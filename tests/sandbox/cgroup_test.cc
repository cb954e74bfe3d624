// How control groups are found and used: on folders that look like a cgroup file system,
// since a machine has one version at most, and on the machine's own where it lends one.
#include "envs/sandbox/box/cgroup.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "envs/sandbox/box/process_tree.h"
#include "tests/sandbox/host.h"

namespace agon::envs::box {
namespace {

namespace fs = std::filesystem;

class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ / "proc");
    folder_name_ = "agon-" + std::to_string(getpid());
  }
  void TearDown() override { fs::remove_all(root_); }

  void Put(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string Get(const fs::path& path) { return host::ReadText(root_ / path); }

  // A line of mountinfo: the hierarchy's folder `shown`, mounted at `point`.
  std::string Mount(const std::string& shown, const std::string& point, const std::string& type,
                    const std::string& options) {
    return "30 20 0:26 " + shown + " " + (root_ / point).string() + " rw,relatime shared:4 - " +
           type + " cgroup " + options + "\n";
  }

  fs::path root_ = fs::path(testing::TempDir()) / ("agon-cgroup-" + std::to_string(getpid()));
  std::string folder_name_;
};

TEST_F(CgroupTest, Version1UsesTheOwnGroupOfEachHierarchy) {
  Put("proc/cgroup", "9:pids:/jobs\n4:memory,extra:/jobs/7\n0::/\n");
  Put("proc/mountinfo",
      Mount("/", "memory", "cgroup", "rw,memory,extra") + Mount("/", "pids", "cgroup", "rw,pids"));
  fs::create_directories(root_ / "memory/jobs/7");
  fs::create_directories(root_ / "pids/jobs");
  const CgroupRoot groups = CgroupRoot::Find(root_ / "proc");
  ASSERT_EQ(groups.version(), 1) << groups.reason();
  bool ok = false;
  Cgroup group = groups.Make(5, &ok);
  ASSERT_TRUE(ok);
  const fs::path memory = "memory/jobs/7/" + folder_name_ + "/box-5";
  const fs::path pids = "pids/jobs/" + folder_name_ + "/box-5";
  for (const char* name :
       {"cgroup.procs", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}) {
    Put(memory / name, "");
  }
  Put(pids / "cgroup.procs", "");
  Put(pids / "pids.max", "");
  EXPECT_TRUE(group.Attach(4321));
  EXPECT_TRUE(group.SetLimits(1 << 26, 8));
  EXPECT_EQ(Get(memory / "cgroup.procs"), "4321");
  EXPECT_EQ(Get(pids / "cgroup.procs"), "4321");
  EXPECT_EQ(Get(memory / "memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(Get(memory / "memory.memsw.limit_in_bytes"), "67108864");  // no swap
  EXPECT_EQ(Get(pids / "pids.max"), "9");

  Put(memory / "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  Put(memory / "memory.max_usage_in_bytes", "12345\n");
  EXPECT_FALSE(group.OutOfMemory());
  EXPECT_EQ(group.PeakBytes(), 12345);
  Put(memory / "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  EXPECT_TRUE(group.OutOfMemory());
}

TEST_F(CgroupTest, Version2EnablesItsControllers) {
  // As in a container: the hierarchy is mounted at the container's group.
  Put("proc/cgroup", "0::/pod/me\n");
  Put("proc/mountinfo", Mount("/pod/me", "v2", "cgroup2", "rw,nsdelegate"));
  Put("v2/cgroup.controllers", "cpu memory pids\n");
  Put("v2/cgroup.subtree_control", "");
  Put("v2/" + folder_name_ + "/cgroup.subtree_control", "");
  const CgroupRoot groups = CgroupRoot::Find(root_ / "proc");
  ASSERT_EQ(groups.version(), 2) << groups.reason();
  EXPECT_EQ(Get("v2/cgroup.subtree_control"), "+memory +pids");
  bool ok = false;
  Cgroup group = groups.Make(1, &ok);
  ASSERT_TRUE(ok);
  const fs::path box = "v2/" + folder_name_ + "/box-1";
  for (const char* name : {"cgroup.procs", "memory.max", "memory.swap.max", "pids.max"}) {
    Put(box / name, "");
  }
  EXPECT_TRUE(group.Attach(77));
  EXPECT_TRUE(group.SetLimits(1 << 26, 4));
  EXPECT_EQ(Get(box / "memory.max"), "67108864");
  EXPECT_EQ(Get(box / "memory.swap.max"), "0");
  EXPECT_EQ(Get(box / "pids.max"), "5");
  Put(box / "memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n");
  EXPECT_TRUE(group.OutOfMemory());
}

TEST_F(CgroupTest, SaysWhyThereIsNone) {
  EXPECT_EQ(CgroupRoot::Find(root_ / "proc").reason(), "no cgroup hierarchy is mounted");
  Put("proc/cgroup", "0::/\n");
  Put("proc/mountinfo", Mount("/", "v2", "cgroup2", "rw"));
  Put("v2/cgroup.controllers", "cpu\n");
  const CgroupRoot groups = CgroupRoot::Find(root_ / "proc");
  EXPECT_EQ(groups.version(), 0);
  EXPECT_NE(groups.reason().find("is lent no memory and pids"), std::string::npos);
  bool ok = false;
  const Cgroup group = groups.Make(1, &ok);  // does nothing, and that works
  EXPECT_TRUE(ok && group.Attach(1) && group.SetLimits(1, 1) && !group.OutOfMemory());
}

TEST_F(CgroupTest, RemovesWhatDeadSupervisorsLeft) {
  Put("proc/cgroup", "9:pids:/\n4:memory:/\n");
  Put("proc/mountinfo",
      Mount("/", "memory", "cgroup", "rw,memory") + Mount("/", "pids", "cgroup", "rw,pids"));
  fs::create_directories(root_ / "memory/agon-999999999/box-1");
  fs::create_directories(root_ / "memory/agon-1/box-1");  // of a living process
  fs::create_directories(root_ / "memory/other");
  fs::create_directories(root_ / "pids");
  const CgroupRoot groups = CgroupRoot::Find(root_ / "proc");
  EXPECT_FALSE(fs::exists(root_ / "memory/agon-999999999"));
  EXPECT_TRUE(fs::exists(root_ / "memory/agon-1/box-1"));
  EXPECT_TRUE(fs::exists(root_ / "memory/other"));
}

TEST(ProcessTreeTest, MeasuresDescendants) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t root = fork();
  if (root == 0) {
    const pid_t child = fork();
    if (child == 0) {
      // Burns some time, then waits.
      volatile int64_t x = 0;
      for (int64_t i = 0; i < 60000000; ++i) x = x + i;
      (void)!write(ready[1], "r", 1);
    }
    pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const TreeUsage usage = MeasureTree(root);
  EXPECT_EQ(usage.num_processes, 2);
  EXPECT_GE(usage.cpu_us, 10000);
  EXPECT_GT(usage.anonymous_bytes, 0);
  for (const pid_t child : ChildrenOf(root)) kill(child, SIGKILL);
  kill(root, SIGKILL);
  waitpid(root, nullptr, 0);
  EXPECT_EQ(MeasureTree(root).num_processes, 0);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace agon::envs::box
