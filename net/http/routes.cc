#include "net/http/routes.h"

#include <utility>

#include "core/digest.h"
#include "core/error.h"

namespace agon::net {
namespace {

bool HasToken(const HttpRequest& request, const std::string& token) {
  constexpr std::string_view kScheme = "Bearer ";  // in any case, as RFC 9110 11.1 has it
  std::string_view value = request.Header("Authorization");
  if (!SameIgnoringCase(value.substr(0, kScheme.size()), kScheme)) return false;
  value.remove_prefix(kScheme.size());
  return SameSecret(value, token);
}

// "application/json", perhaps with parameters. A page of another origin can't send that without
// asking first, which we don't grant: what a browser is tricked into stops here.
bool IsJson(std::string_view content_type) {
  constexpr std::string_view kJson = "application/json";
  if (!SameIgnoringCase(content_type.substr(0, kJson.size()), kJson)) return false;
  content_type.remove_prefix(kJson.size());
  return content_type.empty() || content_type[0] == ';' || content_type[0] == ' ';
}

}  // namespace

void HttpRoutes::Add(std::string_view method, std::string_view pattern, HttpAsyncHandler handler,
                     HttpRouteOptions options) {
  AGON_CHECK(pattern.starts_with('/'), "a route's path begins with /");
  HttpRoute route{std::string(pattern), std::move(handler), options};
  if (pattern.ends_with("/*")) {
    pattern.remove_suffix(1);
    prefixes_[std::string(pattern)][std::string(method)] = std::move(route);
  } else {
    exact_[std::string(pattern)][std::string(method)] = std::move(route);
  }
}

const HttpRoutes::Methods* HttpRoutes::MethodsOf(std::string_view path) const {
  if (const auto found = exact_.find(path); found != exact_.end()) return &found->second;
  const Methods* best = nullptr;
  size_t longest = 0;
  for (const auto& [prefix, methods] : prefixes_) {
    if (path.starts_with(prefix) && prefix.size() > longest) {
      best = &methods;
      longest = prefix.size();
    }
  }
  return best;
}

const HttpRoute* HttpRoutes::Find(const HttpRequest& request, const std::string& token,
                                  std::string* pattern, HttpResponse* reply) const {
  const Methods* methods = MethodsOf(request.path);
  if (methods == nullptr) {
    *reply = ErrorResponse(404, "there is no " + request.path.substr(0, 200), "not_found");
    return nullptr;
  }
  *pattern = methods->begin()->second.pattern;
  std::string allowed = "OPTIONS";
  for (const auto& [method, route] : *methods) {
    allowed += ", " + method;
    if (method == "GET") allowed += ", HEAD";
  }
  if (request.method == "OPTIONS") {
    *reply = {204, "", {{"Allow", allowed}}};
    return nullptr;
  }
  const auto found = methods->find(request.method == "HEAD" ? "GET" : request.method);
  if (found == methods->end()) {
    *reply = ErrorResponse(405, request.path.substr(0, 200) + " takes " + allowed);
    reply->headers.emplace_back("Allow", allowed);
    return nullptr;
  }
  const HttpRoute& route = found->second;
  if (!token.empty() && !route.options.is_public && !HasToken(request, token)) {
    *reply = ErrorResponse(401, "send the server's token as \"Authorization: Bearer TOKEN\"",
                           "invalid_api_key");
    reply->headers.emplace_back("WWW-Authenticate", "Bearer");
    return nullptr;
  }
  if (route.options.is_json && !request.body.empty() && !IsJson(request.Header("Content-Type"))) {
    *reply = ErrorResponse(415, "the body's Content-Type must be application/json");
    return nullptr;
  }
  return &route;
}

}  // namespace agon::net
