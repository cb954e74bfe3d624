// All of MBPP, where its file lies beside the repository: each reference solution passes its
// own tests, and each fails them with its results corrupted.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "envs/code/task_line.h"
#include "tests/paths.h"
#include "tests/sandbox/code_fixture.h"

namespace agon::envs {
namespace {

// Every `return` of a program gives something else: nothing for what counts as true, something
// for what counts as false. The changed program is written to stdout, by Python in a box.
constexpr const char* kCorrupt = R"py(
import ast, sys
class Corrupt(ast.NodeTransformer):
    def visit_Return(self, node):
        self.generic_visit(node)
        value = node.value or ast.Constant(None)
        node.value = ast.Call(ast.Name("corrupted", ast.Load()), [value], [])
        return node
tree = Corrupt().visit(ast.parse(sys.stdin.read()))
print(ast.unparse(ast.fix_missing_locations(tree)))
print("def corrupted(value): return None if value else ('corrupted', value)")
)py";

class MbppTest : public CodeTest {
 protected:
  void SetUp() override {
    CodeTest::SetUp();
    const char* const named = std::getenv("AGON_MBPP");
    const fs::path file =
        named != nullptr ? fs::path(named) : fs::path(kSourceDir) / "../shared/data/mbpp.jsonl";
    if (!fs::exists(file)) GTEST_SKIP() << "no " << file;
    std::istringstream lines(ReadFile(file));
    for (std::string line; std::getline(lines, line);) {
      tasks_.push_back(ReadCodeFileTask(line, "line " + std::to_string(tasks_.size() + 1)));
    }
    ASSERT_EQ(tasks_.size(), 974u);
  }

  // The numbers (from 1) of tasks for which `fails` is true.
  template <typename Predicate>
  std::set<size_t> TasksWhere(const Predicate& fails) {
    std::atomic<size_t> next = 0;
    std::mutex mutex;
    std::set<size_t> found;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (size_t i; (i = next++) < tasks_.size();) {
          if (!fails(tasks_[i])) continue;
          const std::lock_guard lock(mutex);
          found.insert(i + 1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return found;
  }

  std::vector<CodeFileTask> tasks_;
};

TEST_F(MbppTest, SlowReferenceSolutionsPass) {
  const auto failed = TasksWhere([&](const CodeFileTask& task) {
    const CodeGrade grade = Grade(task.tests, task.solution);
    return !grade.Passed();
  });
  EXPECT_EQ(failed, std::set<size_t>());
}

TEST_F(MbppTest, SlowCorruptedSolutionsFail) {
  const auto passed = TasksWhere([&](const CodeFileTask& task) {
    const BoxResult corrupted = sandbox().Run(Program::Python(kCorrupt, task.solution), Patient());
    EXPECT_EQ(corrupted.verdict, BoxVerdict::kOk) << Tell(corrupted);
    const CodeGrade grade = Grade(task.tests, corrupted.stdout_bytes);
    EXPECT_FALSE(grade.masked) << Tell(grade);
    return grade.Passed() || grade.masked;
  });
  EXPECT_EQ(passed, std::set<size_t>());
}

}  // namespace
}  // namespace agon::envs
