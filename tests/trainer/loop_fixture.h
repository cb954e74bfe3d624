// What the tests of the loops share: a run directory, a table and a chat template.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/progress.h"
#include "tests/trainer/tabular_policy.h"
#include "tests/trainer/toy_env.h"
#include "trainer/run_log.h"
#include "trainer/trainer.h"

namespace agon::trainer {

class LoopTest : public testing::Test {
 protected:
  LoopTest() : tokenizer_(ByteTokenizer()), chat_(tokenizer_), policy_(tokenizer_.vocab_size()) {}

  void SetUp() override {
    SetProgressEnabled(false);
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    dir_ = fs::path(testing::TempDir()) / (std::string(test->test_suite_name()) + test->name());
    fs::remove_all(dir_);
    log_ = std::make_unique<RunLog>(dir_);
    stop_ = chat_.stop_token_id();
  }

  StageContext Context() { return ContextOf(policy_); }
  StageContext ContextOf(policy::Policy& policy, policy::Policy* reference = nullptr) {
    return {policy, chat_, *log_, reference, 1, 50, {}, {}, false, 0};
  }

  std::string LogText() const { return ReadFile(dir_ / "log.jsonl"); }
  // The value of `field` in every line of the log that has it.
  std::vector<double> Logged(const char* field) const {
    std::vector<double> values;
    const std::string text = LogText();
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = text.find('\n', begin);
      const Json record = ParseJson(text.substr(begin, end - begin), "log");
      if (record.contains(field) && record[field].is_number()) values.push_back(record[field]);
      begin = end + 1;
    }
    return values;
  }

  datasets::Tokenizer tokenizer_;
  datasets::ChatTemplate chat_;
  TabularPolicy policy_;
  std::unique_ptr<RunLog> log_;
  fs::path dir_;
  int32_t stop_ = 0;
};

}  // namespace agon::trainer
