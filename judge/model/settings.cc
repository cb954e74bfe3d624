#include "judge/model/settings.h"

#include <utility>

#include "core/error.h"
#include "judge/model/model_judge.h"
#include "judge/model/respondents.h"
#include "judge/model/verdict_cache.h"
#include "serve/completer.h"

namespace agon::judge {
namespace {

JudgeTemplate TemplateOf(const ModelJudgeSettings& settings) {
  JudgeTemplate text = BuiltInTemplate(settings.style);
  const auto replace = [](std::string& built_in, const std::string& own) {
    if (!own.empty()) built_in = own;
  };
  replace(text.system, settings.system);
  replace(text.score, settings.score);
  replace(text.score_reference, settings.score_reference);
  replace(text.compare, settings.compare);
  replace(text.compare_reference, settings.compare_reference);
  if (settings.highest != 0) text.highest = settings.highest;
  return text;
}

std::shared_ptr<Respondent> RespondentOf(const std::string& name,
                                         const ModelJudgeSettings& settings,
                                         const policy::Device& device) {
  const std::string& model = settings.model;
  const bool is_local = model.starts_with("model:");
  if (!is_local && !model.starts_with("endpoint:http")) {
    throw Error(ErrorKind::kUsage, "judge.model = \"" + model + "\"", name,
                "it is \"model:DIR\" or \"endpoint:http://HOST:PORT/v1#NAME\"");
  }
  if (settings.style == VerdictStyle::kLogprob) {
    if (is_local) return MakeLogprobRespondent(model.substr(6), device);
    throw Error(ErrorKind::kUnsupported, "an endpoint is asked for text, not log-probabilities",
                name, "leave out style=logprob, or name a checkpoint with model:DIR");
  }
  if (is_local) return MakeTextRespondent(serve::OpenCompleter(model.substr(6), {}, device));
  serve::EndpointOptions options;
  options.timeout_ms = settings.timeout_ms;
  options.max_tries = settings.retries + 1;
  options.num_connections = settings.max_concurrent;
  return MakeTextRespondent(serve::OpenCompleter(model.substr(9), std::move(options)));
}

}  // namespace

ConfigTable SettingsTable(ModelJudgeSettings& s) {
  ConfigTable table;
  table.Add("judge.model", &s.model,
            "who is asked: model:DIR or endpoint:http://HOST:PORT/v1#NAME");
  table.AddChoice("judge.style", &s.style, {"text", "logprob"},
                  "how a verdict is read: from what the model writes, or from the probabilities of "
                  "the answers");
  table.Add("judge.temperature", &s.temperature, 0, 2, "", "of written verdicts, 0 is greedy");
  table.Add("judge.max_tokens", &s.max_tokens, 1, 1 << 20, "tokens", "longest written verdict");
  table.Add("judge.seed", &s.seed, "", "where the sampling of written verdicts starts");
  table.Add("judge.cache", &s.cache,
            "SQLite file that keeps what the model answered, \"\" for none");
  table.Add("judge.timeout_ms", &s.timeout_ms, 1, 3600000, "ms", "longest wait for an endpoint");
  table.Add("judge.retries", &s.retries, 0, 20, "",
            "tries after an endpoint's refusal that may pass");
  table.Add("judge.max_concurrent", &s.max_concurrent, 1, 4096, "requests",
            "what an endpoint is asked at once");
  table.Add("template.system", &s.system, "system message");
  table.Add("template.score", &s.score, "asks for a rating, with {reply}");
  table.Add("template.score_reference", &s.score_reference,
            "likewise where a right answer is known, with {reference}");
  table.Add("template.compare", &s.compare, "asks which is better, with {reply_a} and {reply_b}");
  table.Add("template.compare_reference", &s.compare_reference,
            "likewise where a right answer is known, with {reference}");
  table.Add("template.highest", &s.highest, 0, 100, "",
            "ratings go from 1 to this, 0 for 10 in text and 5 by logprob");
  return table;
}

std::shared_ptr<const Judge> MakeModelJudgeFrom(const std::string& name,
                                                const ModelJudgeSettings& settings,
                                                const policy::Device& device) {
  ModelJudgeOptions options;
  options.name = name;
  options.style = settings.style;
  options.text = TemplateOf(settings);
  options.text.Check(settings.style, name);
  options.temperature = settings.temperature;
  options.max_tokens = settings.max_tokens;
  options.seed = settings.seed;
  auto cache = settings.cache.empty() ? nullptr : std::make_shared<VerdictCache>(settings.cache);
  return MakeModelJudge(RespondentOf(name, settings, device), std::move(options), std::move(cache));
}

}  // namespace agon::judge
