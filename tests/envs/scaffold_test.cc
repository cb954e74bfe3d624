#include "envs/scaffold.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "core/file.h"

namespace agon::envs {
namespace {

class ScaffoldTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(dir_); }
  void TearDown() override { fs::remove_all(dir_); }
  const fs::path dir_ =
      fs::path(testing::TempDir()) /
      (std::string("scaffold-") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ScaffoldTest, CppIsASourceAndItsBuild) {
  const Scaffold scaffold = WriteScaffold("mine/clock", ScaffoldLanguage::kCpp, dir_, "/opt/agon");
  ASSERT_EQ(scaffold.files.size(), 2u);
  const std::string source = ReadFile(dir_ / "clock.cc");
  EXPECT_NE(source.find("REGISTER_ENV(\"mine/clock-v1\""), std::string::npos);
  EXPECT_EQ(source.find('@'), std::string::npos) << "a mark was not filled in";
  EXPECT_NE(ReadFile(dir_ / "CMakeLists.txt").find("agon_add_environment(clock clock.cc)"),
            std::string::npos);
  EXPECT_NE(scaffold.next_steps[0].find("-Dagon_DIR=/opt/agon"), std::string::npos);
  EXPECT_EQ(scaffold.next_steps.back(),
            "rl-env check mine/clock --plugin " + (dir_ / "build/clock.so").string());
}

TEST_F(ScaffoldTest, PythonIsOneFile) {
  const Scaffold scaffold = WriteScaffold("mine/clock", ScaffoldLanguage::kPython, dir_, "");
  ASSERT_EQ(scaffold.files.size(), 1u);
  EXPECT_NE(ReadFile(dir_ / "clock.py").find("mine/clock-v1"), std::string::npos);
}

TEST_F(ScaffoldTest, NothingIsOverwritten) {
  WriteScaffold("mine/clock", ScaffoldLanguage::kCpp, dir_, "");
  WriteFileAtomic(dir_ / "clock.cc", "my own work");
  EXPECT_THROW(WriteScaffold("mine/clock", ScaffoldLanguage::kCpp, dir_, ""), Error);
  EXPECT_EQ(ReadFile(dir_ / "clock.cc"), "my own work");
}

TEST_F(ScaffoldTest, NamesThatAreNone) {
  for (const char* name : {"clock", "/clock", "mine/", "Mine/clock", "mine/clock-v1", "mine/a/b",
                           "mine/../x", "mine/1st"}) {
    EXPECT_THROW(WriteScaffold(name, ScaffoldLanguage::kCpp, dir_, ""), Error) << name;
  }
  EXPECT_FALSE(fs::exists(dir_));
}

}  // namespace
}  // namespace agon::envs
