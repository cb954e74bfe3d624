// Pretraining on text that a table of bigrams can learn by heart.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/error_of.h"
#include "tests/trainer/loop_fixture.h"

namespace agon::trainer {
namespace {

class PretrainLoop : public LoopTest {
 protected:
  void SetUp() override {
    LoopTest::SetUp();
    // After "a" always "b", after "b" always "c", after "c" always "a".
    std::vector<datasets::Document> documents;
    for (int i = 0; i < 200; ++i) {
      std::string text;
      for (int j = 0; j < 10 + i % 7; ++j) text += "abc";
      documents.push_back({"letters", std::move(text)});
    }
    datasets::IngestReport report;
    datasets::WriteCorpus(dir_ / "corpus", documents, tokenizer_, report);
    corpus_ = std::make_unique<datasets::Corpus>(dir_ / "corpus");
  }

  static PretrainConfig Config(int num_steps) {
    PretrainConfig config;
    config.num_steps = num_steps;
    config.tokens_per_step = 512;
    config.max_tokens = 64;
    config.schedule = {20.0f, 0, 1.0f};
    config.val_every = 4;
    config.val_tokens = 512;
    return config;
  }

  void Run(const PretrainConfig& config, const StageContext& context) {
    RunPretrain(config, *corpus_, *corpus_, context);
  }

  std::unique_ptr<datasets::Corpus> corpus_;
};

TEST_F(PretrainLoop, LearnsTheText) {
  Run(Config(30), Context());
  EXPECT_NEAR(Logged("loss").front(), std::log(tokenizer_.vocab_size()), 1e-4);  // uniform
  EXPECT_LT(Logged("loss").back(), 0.5);
  EXPECT_GT(policy_.Probability('a', 'b'), 0.9);
  EXPECT_GT(policy_.Probability('b', 'c'), 0.9);
}

TEST_F(PretrainLoop, BitsPerByteIsTheLossPerByteOfText) {
  Run(Config(8), Context());
  const auto loss = Logged("val_loss");
  const auto bpb = Logged("val_bpb");
  ASSERT_EQ(loss.size(), 2u);  // steps 4 and 8
  ASSERT_EQ(bpb.size(), 2u);
  // One token a byte, and one <|endoftext|> for each of the 200 documents.
  const double tokens_per_byte =
      static_cast<double>(corpus_->num_tokens()) / static_cast<double>(corpus_->num_bytes());
  EXPECT_EQ(corpus_->num_tokens(), corpus_->num_bytes() + 200);
  EXPECT_NEAR(bpb[1], loss[1] / std::log(2.0) * tokens_per_byte, 1e-9);
}

TEST_F(PretrainLoop, ValidatesAtTheEndWhereNoIntervalIsSet) {
  PretrainConfig config = Config(6);
  config.val_every = 0;
  Run(config, Context());
  EXPECT_EQ(Logged("val_loss").size(), 1u);
}

TEST_F(PretrainLoop, MicroBatchesDoNotChangeTheUpdate) {
  PretrainConfig config = Config(2);
  Run(config, Context());
  TabularPolicy other(tokenizer_.vocab_size());
  config.micro_batch_tokens = 70;
  Run(config, ContextOf(other));
  for (size_t i = 0; i < other.logits.size(); ++i) {
    ASSERT_NEAR(policy_.logits[i], other.logits[i], 1e-4);
  }
}

TEST_F(PretrainLoop, AResumedRunIsTheSameRun) {
  Run(Config(9), Context());
  const std::string whole_log = LogText();
  const auto whole_weights = policy_.logits;

  fs::remove(dir_ / "log.jsonl");
  log_ = std::make_unique<RunLog>(dir_);
  TabularPolicy policy(tokenizer_.vocab_size());
  StageContext context = ContextOf(policy);
  int asked = 0;
  context.stop_requested = [&] { return ++asked == 5; };
  EXPECT_THROW(Run(Config(9), context), Error);
  context.stop_requested = {};
  context.first_step = 6;
  Run(Config(9), context);
  EXPECT_EQ(policy.logits, whole_weights);
  EXPECT_EQ(LogText(), whole_log);
}

TEST_F(PretrainLoop, AFailureSaysItsStep) {
  PretrainConfig config = Config(6);
  config.micro_batch_tokens = config.tokens_per_step;
  policy_.scores_to_failure = 3;
  const std::string error = ErrorOf([&] { Run(config, Context()); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(error, "pretrain step 3: Attention in layer 0")) << error;
  policy_.scores_to_failure = 5;  // the validation after step 4
  const std::string later = ErrorOf([&] { Run(config, Context()); }, ErrorKind::kFailed);
  EXPECT_TRUE(Contains(later, "pretrain step 4: Attention in layer 0")) << later;
}

TEST_F(PretrainLoop, TheSeedDecidesTheOrder) {
  PretrainConfig config = Config(3);
  Run(config, Context());
  TabularPolicy other(tokenizer_.vocab_size());
  config.seed = 2;
  Run(config, ContextOf(other));
  EXPECT_NE(other.logits, policy_.logits);
}

}  // namespace
}  // namespace agon::trainer
