#include "core/file.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "core/error.h"

namespace agon {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("agon_file_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  size_t NumEntries() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  fs::path folder_;
};

// The Error that `action` ends in; fails the test if there is none.
Error Failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::kFailed, "");
}

// Runs `body` in a child process and returns its exit status, -signal if it was killed.
int InChild(const std::function<int()>& body, const std::function<void(pid_t)>& meanwhile = {}) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  if (meanwhile) meanwhile(child);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(FileTest, WritesAndReadsBack) {
  const std::string bytes("a\0b\nc\xff", 6);
  WriteFileAtomic(folder_ / "f", bytes);
  EXPECT_EQ(ReadFile(folder_ / "f"), bytes);
  WriteFileAtomic(folder_ / "f", "");
  EXPECT_EQ(ReadFile(folder_ / "f"), "");
  EXPECT_EQ(NumEntries(), 1u);
}

TEST_F(FileTest, ReadsFilesLargerThanOneRead) {
  std::string bytes(300000, 'x');
  bytes[299999] = 'y';
  WriteFileAtomic(folder_ / "f", bytes);
  EXPECT_EQ(ReadFile(folder_ / "f"), bytes);
}

TEST_F(FileTest, ReadRefusesAFileOverItsLimit) {
  WriteFileAtomic(folder_ / "f", "12345");
  EXPECT_EQ(ReadFile(folder_ / "f", 5), "12345");
  const Error error = Failure([&] { ReadFile(folder_ / "f", 4); });
  EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  EXPECT_NE(std::string(error.what()).find("larger than 4 bytes"), std::string::npos);
  EXPECT_EQ(Failure([] { ReadFile("/dev/zero", 1000); }).kind(), ErrorKind::kCorrupt);
}

TEST_F(FileTest, ErrorsNameTheFileAndTheReason) {
  const Error missing = Failure([&] { ReadFile(folder_ / "none"); });
  EXPECT_EQ(missing.kind(), ErrorKind::kNotFound);
  EXPECT_NE(std::string(missing.what()).find((folder_ / "none").string()), std::string::npos);
  EXPECT_EQ(Failure([&] { ReadFile(folder_); }).kind(), ErrorKind::kIo);
  EXPECT_EQ(Failure([&] { WriteFileAtomic(folder_ / "no" / "f", "x"); }).kind(),
            ErrorKind::kNotFound);
  EXPECT_EQ(Failure([&] { MappedFile map(folder_ / "none"); }).kind(), ErrorKind::kNotFound);
  EXPECT_EQ(Failure([&] { MappedFile map(folder_); }).kind(), ErrorKind::kIo);
  EXPECT_EQ(Failure([&] { AppendFile file(folder_ / "no" / "f"); }).kind(), ErrorKind::kNotFound);
}

TEST_F(FileTest, ASizeLimitLeavesTheOldFileAndNoRest) {
  WriteFileAtomic(folder_ / "f", "old");
  const int status = InChild([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10000, 10000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      WriteFileAtomic(folder_ / "f", std::string(100000, 'n'));
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kIo ? 0 : 2;
    }
    return 3;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(folder_ / "f"), "old");
  EXPECT_EQ(NumEntries(), 1u);
}

TEST_F(FileTest, AFullDiskLeavesTheOldFilesAndNoRest) {
  constexpr int kNoMount = 77;
  const int status = InChild([&] {
    // A root of a user namespace of its own may mount a small file system.
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=256k") != 0) {
      return kNoMount;
    }
    const std::string big(1 << 20, 'n');
    WriteFileAtomic(folder_ / "f", "old");
    WriteDirAtomic(folder_ / "d", [](const fs::path& d) { WriteFileAtomic(d / "f", "old"); });
    const auto is_full = [](const std::function<void()>& action) {
      const Error error = Failure(action);
      return error.kind() == ErrorKind::kIo &&
             std::string(error.what()).find("free some disk space") != std::string::npos;
    };
    if (!is_full([&] { WriteFileAtomic(folder_ / "f", big); })) return 2;
    if (!is_full([&] {
          WriteDirAtomic(folder_ / "d", [&](const fs::path& d) { WriteFileAtomic(d / "f", big); });
        })) {
      return 3;
    }
    if (ReadFile(folder_ / "f") != "old" || ReadFile(folder_ / "d" / "f") != "old") return 4;
    return NumEntries() == 2 ? 0 : 5;
  });
  if (status == kNoMount) GTEST_SKIP() << "no right to mount a tmpfs here";
  EXPECT_EQ(status, 0);
}

TEST_F(FileTest, AFullDeviceIsAnIoErrorOfALog) {
  AppendFile file("/dev/full");
  const Error error = Failure([&] { file.Append("line"); });
  EXPECT_EQ(error.kind(), ErrorKind::kIo);
  EXPECT_NE(std::string(error.what()).find("free some disk space"), std::string::npos);
}

TEST_F(FileTest, AKillWhileWritingLeavesAWholeFile) {
  const fs::path path = folder_ / "f";
  constexpr size_t kSize = 1 << 20;
  WriteFileAtomic(path, std::string(kSize, 'a'));
  for (int delay_ms : {1, 3, 5, 8, 13, 21}) {
    const int status = InChild(
        [&]() -> int {
          while (true) {
            for (char c : {'a', 'b'}) WriteFileAtomic(path, std::string(kSize, c));
          }
        },
        [&](pid_t child) {
          std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
          ::kill(child, SIGKILL);
        });
    ASSERT_EQ(status, -SIGKILL);
    const std::string bytes = ReadFile(path);
    ASSERT_EQ(bytes.size(), kSize);
    ASSERT_EQ(bytes.find_first_not_of(bytes[0]), std::string::npos);
  }
}

TEST_F(FileTest, AKillWhileWritingLeavesAWholeFolder) {
  const fs::path path = folder_ / "d";
  const auto fill = [](const std::string& text) {
    return [text](const fs::path& d) {
      WriteFileAtomic(d / "first", text);
      fs::create_directory(d / "inner");
      WriteFileAtomic(d / "inner" / "second", text);
    };
  };
  WriteDirAtomic(path, fill("a"));
  for (int delay_ms : {1, 3, 5, 8, 13, 21}) {
    const int status = InChild(
        [&]() -> int {
          while (true) {
            for (const char* text : {"a", "b"}) WriteDirAtomic(path, fill(text));
          }
        },
        [&](pid_t child) {
          std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
          ::kill(child, SIGKILL);
        });
    ASSERT_EQ(status, -SIGKILL);
    ASSERT_EQ(ReadFile(path / "first"), ReadFile(path / "inner" / "second"));
  }
}

TEST_F(FileTest, WriteDirReplacesTheWholeFolder) {
  const fs::path path = folder_ / "d";
  WriteDirAtomic(path, [](const fs::path& d) { WriteFileAtomic(d / "a", "1"); });
  WriteDirAtomic(path, [](const fs::path& d) { WriteFileAtomic(d / "b", "2"); });
  EXPECT_FALSE(fs::exists(path / "a"));
  EXPECT_EQ(ReadFile(path / "b"), "2");
  EXPECT_EQ(NumEntries(), 1u);
}

TEST_F(FileTest, WriteDirTakesATrailingSlashAndMissingParents) {
  for (const char* text : {"1", "2"}) {
    WriteDirAtomic(folder_ / "deep" / "d" / "",
                   [&](const fs::path& d) { WriteFileAtomic(d / "a", text); });
    EXPECT_EQ(ReadFile(folder_ / "deep" / "d" / "a"), text);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "deep" / "d"), {}), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "deep"), {}), 1);
}

TEST_F(FileTest, AFailedFillLeavesTheOldFolder) {
  const fs::path path = folder_ / "d";
  WriteDirAtomic(path, [](const fs::path& d) { WriteFileAtomic(d / "a", "old"); });
  EXPECT_THROW(WriteDirAtomic(path,
                              [](const fs::path& d) {
                                WriteFileAtomic(d / "a", "half");
                                throw std::runtime_error("stop");
                              }),
               std::runtime_error);
  EXPECT_EQ(ReadFile(path / "a"), "old");
  EXPECT_EQ(NumEntries(), 1u);
}

TEST_F(FileTest, AppendKeepsWhatIsThere) {
  {
    AppendFile file(folder_ / "log");
    file.Append("one");
    EXPECT_EQ(file.SizeBytes(), 4u);
  }
  AppendFile file(folder_ / "log");
  file.Append("two");
  file.Sync();
  EXPECT_EQ(file.SizeBytes(), 8u);
  EXPECT_EQ(ReadFile(folder_ / "log"), "one\ntwo\n");
}

TEST_F(FileTest, MapShowsTheBytesOfTheFile) {
  WriteFileAtomic(folder_ / "f", "abc");
  MappedFile map(folder_ / "f");
  ASSERT_EQ(map.bytes().size(), 3u);
  EXPECT_EQ(map.bytes()[2], std::byte{'c'});
  const MappedFile moved(std::move(map));
  EXPECT_EQ(moved.bytes()[0], std::byte{'a'});
  WriteFileAtomic(folder_ / "empty", "");
  EXPECT_TRUE(MappedFile(folder_ / "empty").bytes().empty());
}

}  // namespace
}  // namespace agon
