#include "arena/page/assets.h"

#include "core/digest.h"
#include "core/error.h"
#include "core/json.h"

namespace agon::arena {
namespace {

const char* TypeOf(std::string_view name) {
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "application/json";
}

}  // namespace

std::string_view AssetContent(std::string_view name) {
  for (const Asset& asset : Assets()) {
    if (asset.name == name) return asset.content;
  }
  return {};
}

net::HttpResponse ServeAsset(const net::HttpRequest& request) {
  constexpr std::string_view kPrefix = "/assets/";
  const std::string_view name = std::string_view(request.path).substr(kPrefix.size());
  const std::string_view content = AssetContent(name);
  if (content.empty()) return net::ErrorResponse(404, "there is no such file", "not_found");
  const std::string tag = "\"" + Sha256(content).substr(0, 16) + "\"";
  net::HttpResponse response = {
      200, "", {{"Content-Type", TypeOf(name)}, {"ETag", tag}, {"Cache-Control", "no-cache"}}};
  if (request.Header("If-None-Match") == tag) {
    response.status = 304;
  } else {
    response.body = content;
  }
  return response;
}

Texts::Texts() {
  const Json all = ParseJson(AssetContent("texts.json"), "texts.json");
  for (const auto& [language, words] : all.items()) {
    for (const auto& [key, word] : words.items()) {
      texts_[language][key] = word.get<std::string>();
    }
    json_[language] = words.dump();
  }
}

std::string_view Texts::Get(const std::string& language, const std::string& key) const {
  const auto& words = texts_.at(language);
  const auto found = words.find(key);
  AGON_CHECK(found != words.end(), "texts.json has no " + key);
  return found->second;
}

}  // namespace agon::arena
