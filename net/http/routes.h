// Which handler a request is for. Private to net.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace agon::net {

struct HttpRoute {
  std::string pattern;  // as registered; "" if none matches
  HttpAsyncHandler handler;
  HttpRouteOptions options;
};

class HttpRoutes {
 public:
  void Add(std::string_view method, std::string_view pattern, HttpAsyncHandler handler,
           HttpRouteOptions options);

  // The route of a request that may pass; else the reply that says why not (404, 405, 401, 415,
  // or what answers OPTIONS). `token` is the bearer token to ask for, "" for none.
  const HttpRoute* Find(const HttpRequest& request, const std::string& token, std::string* pattern,
                        HttpResponse* reply) const;

 private:
  using Methods = std::map<std::string, HttpRoute, std::less<>>;  // by method
  const Methods* MethodsOf(std::string_view path) const;

  std::map<std::string, Methods, std::less<>> exact_;
  std::map<std::string, Methods, std::less<>> prefixes_;  // "/static/" for "/static/*"
};

}  // namespace agon::net
