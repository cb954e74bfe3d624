#include "serve/openai_request.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "policy/policy.h"
#include "serve/engine.h"
#include "serve/tool_text.h"

namespace agon::serve {
namespace {

constexpr int kMaxSamples = 128;
constexpr size_t kMaxStops = 16, kMaxStopBytes = 256;
constexpr size_t kMaxPrompts = 1024;
constexpr size_t kMaxCompletions = 4096;  // of all prompts
constexpr size_t kMaxTools = 128;

[[noreturn]] void Refuse(const std::string& param, const std::string& message) {
  throw ApiError(400, "'" + param + "' " + message, param);
}

// Fields of an object; null counts as absent, as OpenAI's clients send it.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  const Json* Find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<int64_t> Int(const char* key, int64_t min, int64_t max) const {
    const Json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    const bool is_huge = value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
    if (!value->is_number_integer() || is_huge || value->get<int64_t>() < min ||
        value->get<int64_t>() > max) {
      Refuse(key, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
    }
    return value->get<int64_t>();
  }

  double Number(const char* key, double absent, double min, double max) const {
    const Json* value = Find(key);
    if (value == nullptr) return absent;
    const double number = value->is_number() ? value->get<double>() : NAN;
    if (!(number >= min && number <= max)) {
      Refuse(key, "must be a number from " + Json(min).dump() + " to " + Json(max).dump());
    }
    return number;
  }

  bool Bool(const char* key) const {
    const Json* value = Find(key);
    if (value != nullptr && !value->is_boolean()) Refuse(key, "must be true or false");
    return value != nullptr && value->get<bool>();
  }

  std::string String(const char* key) const {
    const Json* value = Find(key);
    if (value != nullptr && !value->is_string()) Refuse(key, "must be a string");
    return value == nullptr ? "" : value->get<std::string>();
  }

  // For a feature that isn't here: fine if it asks for `harmless`, or for nothing.
  void RefuseUnless(const char* key, const Json& harmless) const {
    const Json* value = Find(key);
    if (value == nullptr || *value == harmless || (value->is_object() && value->empty())) return;
    Refuse(key, "is not supported: leave it out" +
                    (harmless.is_null() ? "" : " or send " + harmless.dump()));
  }

 private:
  const Json& object_;
};

Json ParseBody(std::string_view body) {
  Json json;
  try {
    json = ParseJson(body, "body");
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "", "invalid_json");
  }
  if (!json.is_object()) throw ApiError(400, "the body must be a JSON object", "", "invalid_json");
  return json;
}

std::vector<std::string> ParseStops(const Json* value) {
  std::vector<std::string> stops;
  if (value == nullptr) return stops;
  const Json list = value->is_array() ? *value : Json::array({*value});
  if (list.size() > kMaxStops) Refuse("stop", "may have " + std::to_string(kMaxStops) + " strings");
  for (const Json& stop : list) {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty() ||
        stop.get_ref<const std::string&>().size() > kMaxStopBytes) {
      Refuse("stop", "must be a string or an array of strings, of 1 to " +
                         std::to_string(kMaxStopBytes) + " bytes each");
    }
    stops.push_back(stop.get<std::string>());
  }
  return stops;
}

std::vector<int32_t> ParseIds(const Json& value, const char* key) {
  std::vector<int32_t> ids;
  for (const Json& id : value) {
    if (!id.is_number_integer() || !internal::JsonHolds<int32_t>(id)) {
      Refuse(key, "must hold token ids");
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

ApiSampling ParseSampling(const Fields& fields) {
  ApiSampling s;
  s.model = fields.String("model");
  s.temperature = static_cast<float>(fields.Number("temperature", 1, 0, 100));
  if (s.temperature > 0 && s.temperature < policy::kLowestTemperature) {
    Refuse("temperature", "must be 0 or at least 0.0001");
  }
  s.top_p = static_cast<float>(fields.Number("top_p", 1, 0, 1));
  if (!(s.top_p > 0)) Refuse("top_p", "must be above 0");
  s.top_k = static_cast<int>(fields.Int("top_k", -1, INT32_MAX).value_or(0));
  s.top_k = std::max(s.top_k, 0);  // vLLM's -1 is off
  s.n = static_cast<int>(fields.Int("n", 1, kMaxSamples).value_or(1));
  if (const auto seed = fields.Int("seed", INT64_MIN, INT64_MAX)) {
    s.seed = static_cast<uint64_t>(*seed);
  }
  s.stop = ParseStops(fields.Find("stop"));
  s.is_stream = fields.Bool("stream");
  if (const Json* options = fields.Find("stream_options")) {
    if (!options->is_object()) Refuse("stream_options", "must be an object");
    if (!s.is_stream) Refuse("stream_options", "needs 'stream': true");
    s.wants_usage = Fields(*options).Bool("include_usage");
  }
  s.wants_token_ids = fields.Bool("return_token_ids");
  fields.RefuseUnless("presence_penalty", 0);
  fields.RefuseUnless("frequency_penalty", 0);
  fields.RefuseUnless("logit_bias", nullptr);
  return s;
}

std::string TextOf(const Json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) Refuse(where + ".content", "must be a string or an array of text parts");
  std::string text;
  for (const Json& part : content) {
    const bool is_text = part.is_object() && part.value("type", Json()) == "text" &&
                         part.contains("text") && part["text"].is_string();
    if (!is_text) Refuse(where + ".content", "may hold parts of type \"text\" only");
    text += part["text"].get<std::string>();
  }
  return text;
}

Message ParseMessage(const Json& json, size_t index) {
  const std::string where = "messages[" + std::to_string(index) + "]";
  if (!json.is_object()) Refuse(where, "must be an object");
  const Fields fields(json);
  std::string role_name = fields.String("role");
  if (role_name == "developer") role_name = "system";
  const auto role = RoleFromName(role_name);
  if (!role) Refuse(where + ".role", "must be system, developer, user, assistant or tool");
  Message message{*role, ""};
  const Json* content = fields.Find("content");
  const Json* calls = fields.Find("tool_calls");
  if (content != nullptr) message.content = TextOf(*content, where);
  if (content == nullptr && !(calls != nullptr && *role == Role::kAssistant)) {
    Refuse(where + ".content", "is missing");
  }
  if (calls == nullptr || *role != Role::kAssistant) return message;
  if (!calls->is_array()) Refuse(where + ".tool_calls", "must be an array");
  for (const Json& call : *calls) {
    const Json* function = call.is_object() ? Fields(call).Find("function") : nullptr;
    if (function == nullptr || !function->is_object()) {
      Refuse(where + ".tool_calls", "must hold calls of functions");
    }
    const Fields called(*function);
    if (!message.content.empty()) message.content += "\n";
    message.content += ToolCallText(called.String("name"), called.String("arguments"));
  }
  return message;
}

std::vector<ToolSpec> ParseTools(const Json& list) {
  if (!list.is_array() || list.size() > kMaxTools) {
    Refuse("tools", "must be an array of at most " + std::to_string(kMaxTools) + " functions");
  }
  std::vector<ToolSpec> tools;
  for (const Json& json : list) {
    const Json* function = json.is_object() ? Fields(json).Find("function") : nullptr;
    if (function == nullptr || !function->is_object()) Refuse("tools", "must hold functions");
    ToolSpec tool;
    tool.name = Fields(*function).String("name");
    if (tool.name.empty()) Refuse("tools", "must name each function");
    tool.json = json.dump();
    const Json parameters = function->value("parameters", Json::object());
    const Json required = parameters.is_object() ? parameters.value("required", Json()) : Json();
    if (required.is_array() && required.size() == 1 && required[0].is_string()) {
      const auto name = required[0].get<std::string>();
      const Json properties = parameters.value("properties", Json());
      const Json property = properties.is_object() ? properties.value(name, Json()) : Json();
      if (property.is_object() && property.value("type", Json()) == "string") {
        tool.only_param = name;
      }
    }
    tools.push_back(std::move(tool));
  }
  return tools;
}

// Whether the tools are described to the model.
bool OffersTools(const Json* choice) {
  if (choice == nullptr || *choice == "auto") return true;
  if (*choice == "none") return false;
  Refuse("tool_choice", "may be \"auto\" or \"none\": a call can't be forced");
}

void AddToSystemMessage(Messages& messages, const std::string& text) {
  if (messages.empty() || messages[0].role != Role::kSystem) {
    messages.insert(messages.begin(), {Role::kSystem, text});
  } else {
    messages[0].content += "\n\n" + text;
  }
}

}  // namespace

ChatRequest ParseChatRequest(std::string_view body) {
  const Json json = ParseBody(body);
  const Fields fields(json);
  ChatRequest request;
  request.sampling = ParseSampling(fields);
  const auto limit = fields.Int("max_completion_tokens", 1, INT32_MAX);
  const auto old_limit = fields.Int("max_tokens", 1, INT32_MAX);
  if (limit || old_limit)
    request.sampling.max_tokens = static_cast<int>(*(limit ? limit : old_limit));
  request.sampling.wants_logprobs = fields.Bool("logprobs");
  request.sampling.num_top = static_cast<int>(fields.Int("top_logprobs", 0, kMaxTop).value_or(0));
  if (request.sampling.num_top > 0 && !request.sampling.wants_logprobs) {
    Refuse("top_logprobs", "needs 'logprobs': true");
  }
  fields.RefuseUnless("response_format", {{"type", "text"}});
  fields.RefuseUnless("functions", nullptr);
  fields.RefuseUnless("audio", nullptr);
  if (const Json* tools = fields.Find("tools")) {
    request.tools = ParseTools(*tools);
    if (!OffersTools(fields.Find("tool_choice"))) request.tools.clear();
  }
  if (const Json* ids = fields.Find("prompt_token_ids")) {
    if (!ids->is_array()) Refuse("prompt_token_ids", "must be an array of token ids");
    request.prompt_token_ids = ParseIds(*ids, "prompt_token_ids");
    if (request.prompt_token_ids->empty()) Refuse("prompt_token_ids", "is empty");
    return request;
  }
  const Json* messages = fields.Find("messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    Refuse("messages", "must be an array of at least one message");
  }
  for (size_t i = 0; i < messages->size(); ++i) {
    request.messages.push_back(ParseMessage((*messages)[i], i));
  }
  if (!request.tools.empty()) AddToSystemMessage(request.messages, ToolPrompt(request.tools));
  return request;
}

TextRequest ParseTextRequest(std::string_view body) {
  const Json json = ParseBody(body);
  const Fields fields(json);
  TextRequest request;
  request.sampling = ParseSampling(fields);
  request.sampling.max_tokens =
      static_cast<int>(fields.Int("max_tokens", 0, INT32_MAX).value_or(16));
  request.echo = fields.Bool("echo");
  if (const auto num_top = fields.Int("logprobs", 0, kMaxTop)) {
    request.sampling.wants_logprobs = true;
    request.sampling.num_top = static_cast<int>(*num_top);
  }
  fields.RefuseUnless("best_of", request.sampling.n);
  fields.RefuseUnless("suffix", "");
  if (request.echo && request.sampling.is_stream) Refuse("echo", "can't be streamed");
  const Json* prompt = fields.Find("prompt");
  if (prompt == nullptr) prompt = fields.Find("prompt_token_ids");
  constexpr const char* kShape = "must be a string, an array of token ids, or an array of either";
  if (prompt == nullptr) Refuse("prompt", kShape);
  const bool is_ids = prompt->is_array() && !prompt->empty() && (*prompt)[0].is_number();
  const Json list = prompt->is_array() && !is_ids ? *prompt : Json::array({*prompt});
  if (list.empty()) Refuse("prompt", kShape);
  if (list.size() > kMaxPrompts ||
      list.size() * static_cast<size_t>(request.sampling.n) > kMaxCompletions) {
    Refuse("prompt", "may hold " + std::to_string(kMaxPrompts) + " prompts, and with n " +
                         std::to_string(kMaxCompletions) + " completions");
  }
  for (const Json& one : list) {
    if (one.is_string()) {
      request.prompts.emplace_back(one.get<std::string>());
    } else if (one.is_array()) {
      request.prompts.emplace_back(ParseIds(one, "prompt"));
    } else {
      Refuse("prompt", kShape);
    }
  }
  return request;
}

}  // namespace agon::serve
