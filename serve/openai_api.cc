#include "serve/openai_api.h"

#include <chrono>
#include <utility>

#include "core/json.h"
#include "core/names.h"
#include "serve/openai_call.h"
#include "serve/openai_request.h"

namespace agon::serve {
namespace {

constexpr std::string_view kModelPrefix = "/v1/models/";

int64_t NowSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

Json ModelJson(LocalModel& model, int64_t created) {
  return {{"id", model.name()},
          {"object", "model"},
          {"created", created},
          {"owned_by", "agon"},
          {"max_model_len", model.engine().context_tokens()},
          {"fingerprint", model.identity()}};
}

// Runs `body`; what it refuses becomes the reply.
template <typename Body>
void Answer(const net::HttpExchangePtr& exchange, const Body& body) {
  try {
    body();
  } catch (const ApiError& error) {
    auto response = net::ErrorResponse(error.status, error.message, error.code, error.param);
    if (error.status == 429) response.headers.emplace_back("Retry-After", "1");
    exchange->Reply(std::move(response));
  }
}

void CheckIds(LocalModel& model, const std::vector<int32_t>& ids, const char* param) {
  if (ids.empty()) throw ApiError(400, std::string("'") + param + "' is empty", param);
  const int vocab_size = model.engine().config().vocab_size;
  for (const int32_t id : ids) {
    if (id >= 0 && id < vocab_size) continue;
    throw ApiError(400,
                   "token id " + std::to_string(id) + " is out of the vocabulary of " +
                       std::to_string(vocab_size),
                   param);
  }
}

}  // namespace

OpenAiApi::OpenAiApi(std::vector<std::shared_ptr<LocalModel>> models, const net::Metrics& metrics)
    : models_(std::move(models)), metrics_(metrics), start_(NowSeconds()) {}

void OpenAiApi::AddRoutes(net::HttpServer& server) {
  server.Route("GET", "/v1/models", [this](const net::HttpRequest&) { return ListModels(); });
  server.Route("GET", "/v1/models/*",
               [this](const net::HttpRequest& request) { return ShowModel(request); });
  server.AsyncRoute("POST", "/v1/chat/completions", [this](const net::HttpExchangePtr& exchange) {
    Answer(exchange, [&] { Chat(exchange); });
  });
  server.AsyncRoute("POST", "/v1/completions", [this](const net::HttpExchangePtr& exchange) {
    Answer(exchange, [&] { Text(exchange); });
  });
  server.Route("GET", "/health",
               [](const net::HttpRequest&) {
                 return net::HttpResponse{200, "{\"status\":\"ok\"}\n"};
               },
               {.is_public = true});
  server.Route("GET", "/metrics", [this](const net::HttpRequest&) {
    return net::HttpResponse{200, metrics_.Text(), {{"Content-Type", net::Metrics::kContentType}}};
  });
}

LocalModel& OpenAiApi::FindModel(const std::string& name) const {
  if (name.empty() && models_.size() == 1) return *models_[0];
  std::vector<std::string> names;
  for (const auto& model : models_) {
    if (model->name() == name) return *model;
    names.push_back(model->name());
  }
  if (name.empty()) throw ApiError(400, "'model' is missing", "model");
  const std::string near = NearestName(name, names);
  throw ApiError(404,
                 "there is no model '" + name.substr(0, 200) + "'" +
                     (near.empty() ? "; GET /v1/models lists them" : "; is it '" + near + "'?"),
                 "model", "model_not_found");
}

net::HttpResponse OpenAiApi::ListModels() const {
  Json list = Json::array();
  for (const auto& model : models_) list.push_back(ModelJson(*model, start_));
  return {200, Json{{"object", "list"}, {"data", list}}.dump() + "\n"};
}

net::HttpResponse OpenAiApi::ShowModel(const net::HttpRequest& request) const {
  try {
    LocalModel& model = FindModel(request.path.substr(kModelPrefix.size()));
    return {200, ModelJson(model, start_).dump() + "\n"};
  } catch (const ApiError& error) {
    return net::ErrorResponse(error.status, error.message, error.code, error.param);
  }
}

void OpenAiApi::Chat(const net::HttpExchangePtr& exchange) const {
  ChatRequest request = ParseChatRequest(exchange->request().body);
  LocalModel& model = FindModel(request.sampling.model);
  ApiCallSpec spec;
  spec.is_chat = true;
  spec.tools = std::move(request.tools);
  if (request.prompt_token_ids) {
    CheckIds(model, *request.prompt_token_ids, "prompt_token_ids");
    spec.prompts.push_back(std::move(*request.prompt_token_ids));
  } else {
    if (model.chat() == nullptr) {
      throw ApiError(400, "'" + model.name() + "' has no chat tokens: use /v1/completions",
                     "model");
    }
    spec.prompts.push_back(model.chat()->EncodePrompt(request.messages));
  }
  spec.sampling = std::move(request.sampling);
  std::make_shared<ApiCall>(exchange, model, std::move(spec), NowSeconds())->Start();
}

void OpenAiApi::Text(const net::HttpExchangePtr& exchange) const {
  TextRequest request = ParseTextRequest(exchange->request().body);
  LocalModel& model = FindModel(request.sampling.model);
  ApiCallSpec spec;
  spec.echo = request.echo;
  for (auto& prompt : request.prompts) {
    if (const auto* text = std::get_if<std::string>(&prompt)) {
      spec.prompts.push_back(model.EncodeText(*text));
      if (spec.prompts.back().empty()) throw ApiError(400, "'prompt' is empty", "prompt");
    } else {
      CheckIds(model, std::get<std::vector<int32_t>>(prompt), "prompt");
      spec.prompts.push_back(std::move(std::get<std::vector<int32_t>>(prompt)));
    }
  }
  spec.sampling = std::move(request.sampling);
  std::make_shared<ApiCall>(exchange, model, std::move(spec), NowSeconds())->Start();
}

}  // namespace agon::serve
