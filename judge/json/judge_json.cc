#include "judge/json/judge_json.h"

#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/message_json.h"

namespace agon::judge {
namespace {

constexpr size_t kMaxMessages = 4096;

std::string TextField(const Json& object, const char* key, const std::string& where) {
  return JsonField<std::string>(object, key, where);
}

Messages ReadMessages(const Json& list, const std::string& where) {
  if (!list.is_array() || list.size() > kMaxMessages) {
    throw Error(ErrorKind::kCorrupt, "messages are a list of up to " + std::to_string(kMaxMessages),
                where);
  }
  return MessagesFromJson(list, where);
}

envs::Split ReadSplit(const std::string& name, const std::string& where) {
  for (const envs::Split split : {envs::Split::kTrain, envs::Split::kVal, envs::Split::kTest}) {
    if (name == envs::SplitName(split)) return split;
  }
  throw Error(ErrorKind::kCorrupt, "no split \"" + name.substr(0, 60) + "\"", where,
              "splits are train, val and test");
}

void ReadReplies(JudgeCall call, const Json& object, const std::string& where,
                 JudgeRequest& request) {
  switch (call) {
    case JudgeCall::kScore: {
      if (object.contains("reply")) {
        request.replies = {TextField(object, "reply", where)};
        return;
      }
      Messages& messages = request.question.messages;
      if (messages.empty() || messages.back().role != Role::kAssistant) {
        throw Error(ErrorKind::kCorrupt, "missing field \"reply\"", where,
                    "or let the last message be the assistant's");
      }
      request.replies = {std::move(messages.back().content)};
      messages.pop_back();
      return;
    }
    case JudgeCall::kCompare:
      request.replies = {TextField(object, "reply_a", where), TextField(object, "reply_b", where)};
      return;
    case JudgeCall::kRank:
      request.replies = JsonField<std::vector<std::string>>(object, "replies", where);
      return;
  }
}

void AddMask(const std::optional<envs::Mask>& masked, Json& json) {
  if (masked) json["masked"] = {{"kind", masked->kind}, {"reason", masked->reason}};
}

Json OptionalJson(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json PreferenceJson(const std::optional<Preference>& preference) {
  return preference ? Json(PreferenceName(*preference)) : Json();
}

}  // namespace

envs::TaskId ReadTaskId(const Json& object, const std::string& where) {
  envs::TaskId id;
  if (object.contains("env")) id.env = TextField(object, "env", where);
  id.split = ReadSplit(TextField(object, "split", where), where);
  if (object.contains("seed")) id.seed = JsonField<uint64_t>(object, "seed", where);
  id.index = JsonField<uint64_t>(object, "index", where);
  return id;
}

JudgeRequest ReadJudgeRequest(JudgeCall call, const Json& object, const std::string& where) {
  if (!object.is_object()) throw Error(ErrorKind::kCorrupt, "not a JSON object", where);
  JudgeRequest request;
  Question& question = request.question;
  if (object.contains("messages") && object.contains("prompt")) {
    throw Error(ErrorKind::kCorrupt, "both \"messages\" and \"prompt\"", where, "give one of them");
  }
  if (object.contains("messages")) question.messages = ReadMessages(object["messages"], where);
  if (object.contains("prompt")) {
    question.messages = {{Role::kUser, TextField(object, "prompt", where)}};
  }
  if (object.contains("reference")) question.reference = TextField(object, "reference", where);
  if (object.contains("task")) question.task = ReadTaskId(object["task"], where + " task");
  if (object.contains("run")) question.run = JsonField<uint64_t>(object, "run", where);
  ReadReplies(call, object, where, request);
  return request;
}

Json VerdictJson(const Verdict& verdict) {
  Json json = {{"score", OptionalJson(verdict.score)}, {"parts", Json::array()}};
  for (const ScorePart& part : verdict.parts) {
    json["parts"].push_back({{"name", part.name}, {"value", part.value}, {"weight", part.weight}});
  }
  json["reason"] = verdict.reason;
  AddMask(verdict.masked, json);
  if (!verdict.said.empty()) json["said"] = verdict.said;
  return json;
}

Json PairVerdictJson(const PairVerdict& verdict) {
  Json json = {{"preference", PreferenceJson(verdict.preference)},
               {"flipped", verdict.flipped},
               {"reason", verdict.reason}};
  AddMask(verdict.masked, json);
  json["orders"] = Json::array();
  for (size_t i = 0; i < verdict.orders.size(); ++i) {
    const OrderVerdict& order = verdict.orders[i];
    Json one = {{"first", i == 0 ? "a" : "b"}, {"preference", PreferenceJson(order.preference)}};
    if (order.probability) one["probability_a"] = *order.probability;
    one["reason"] = order.reason;
    AddMask(order.masked, one);
    if (!order.said.empty()) one["said"] = order.said;
    json["orders"].push_back(std::move(one));
  }
  return json;
}

Json RankingJson(const std::vector<RankedReply>& ranking) {
  Json list = Json::array();
  for (const RankedReply& reply : ranking) {
    Json one = {{"index", reply.index},
                {"rank", reply.rank > 0 ? Json(reply.rank) : Json()},
                {"score", OptionalJson(reply.score)},
                {"reason", reply.reason}};
    AddMask(reply.masked, one);
    list.push_back(std::move(one));
  }
  return {{"ranking", std::move(list)}};
}

Json AnswerJson(const Judge& judge, JudgeCall call, const JudgeRequest& request, bool* is_masked) {
  bool masked = false;
  Json answer;
  switch (call) {
    case JudgeCall::kScore: {
      const Verdict verdict = judge.Score(request.question, request.replies.at(0));
      masked = verdict.masked.has_value();
      answer = VerdictJson(verdict);
      break;
    }
    case JudgeCall::kCompare: {
      const PairVerdict verdict =
          judge.Compare(request.question, request.replies.at(0), request.replies.at(1));
      masked = verdict.masked.has_value();
      answer = PairVerdictJson(verdict);
      break;
    }
    case JudgeCall::kRank: {
      const auto ranking = Rank(judge, request.question, request.replies);
      masked = ranking.back().masked.has_value();
      answer = RankingJson(ranking);
      break;
    }
  }
  if (is_masked != nullptr) *is_masked = masked;
  return answer;
}

}  // namespace agon::judge
