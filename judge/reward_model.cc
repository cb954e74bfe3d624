#include "judge/reward_model.h"

#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "net/http_client.h"

namespace agon::judge {
namespace {

class RewardModelJudge final : public Judge {
 public:
  RewardModelJudge(std::shared_ptr<RewardModel> model, std::string name)
      : model_(std::move(model)),
        info_{std::move(name), model_->fingerprint(), -INFINITY, INFINITY, /*sees_pairs=*/false} {}
  const JudgeInfo& info() const override { return info_; }

 protected:
  Verdict DoScore(const Question& question, std::string_view reply) const override {
    Messages transcript = question.messages;
    transcript.push_back({Role::kAssistant, std::string(reply)});
    const std::vector<double> rewards = model_->Rewards({&transcript, 1});
    if (rewards.size() != 1) return MaskedVerdict("judge", "not one reward for one transcript");
    Verdict verdict;
    verdict.score = rewards[0];
    verdict.parts = {{"reward", rewards[0]}};
    verdict.reason = "by " + info_.name;
    return verdict;
  }

 private:
  const std::shared_ptr<RewardModel> model_;
  const JudgeInfo info_;
};

// Nothing in a message may begin or end a turn.
std::string WithoutMarks(std::string text) {
  for (size_t at = text.find("<|im_"); at != std::string::npos; at = text.find("<|im_", at)) {
    text.insert(at + 1, " ");
  }
  return text;
}

std::string ChatMl(const Messages& messages) {
  std::string text;
  for (const Message& message : messages) {
    text += "<|im_start|>";
    text += RoleName(message.role);
    text += "\n" + WithoutMarks(message.content) + "<|im_end|>\n";
  }
  return text;
}

class RemoteRewardModel final : public RewardModel {
 public:
  explicit RemoteRewardModel(std::string url) : url_(std::move(url)) {
    const net::HttpClient says_what_is_wrong(url_);
  }
  std::string fingerprint() const override { return url_; }

  std::vector<double> Rewards(std::span<const Messages> transcripts) override {
    Json body = {{"query", Json::array()}};
    for (const Messages& transcript : transcripts) body["query"].push_back(ChatMl(transcript));
    const net::HttpResponse response = net::HttpPost(url_, DumpJson(body));
    if (response.status != 200) {
      throw Error(
          ErrorKind::kFailed,
          "answered " + std::to_string(response.status) + ": " + response.body.substr(0, 200),
          url_);
    }
    return JsonField<std::vector<double>>(ParseJson(response.body, url_), "rewards", url_);
  }

 private:
  const std::string url_;
};

}  // namespace

std::vector<double> RewardModel::RewardsOfSampled(std::span<const SampledReply> replies,
                                                  const datasets::Tokenizer& /*tokenizer*/) {
  std::vector<Messages> transcripts;
  for (const SampledReply& reply : replies) transcripts.push_back(reply.transcript);
  return Rewards(transcripts);
}

std::unique_ptr<Judge> MakeRewardModelJudge(std::shared_ptr<RewardModel> model, std::string name) {
  return std::make_unique<RewardModelJudge>(std::move(model), std::move(name));
}

std::shared_ptr<RewardModel> MakeRemoteRewardModel(const std::string& url) {
  return std::make_shared<RemoteRewardModel>(url);
}

}  // namespace agon::judge
