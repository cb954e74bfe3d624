// What a request says about who sent it. Private to arena.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "arena/page.h"

namespace agon::arena {

struct Visitor {
  std::string session;  // 32 hexadecimal digits
  bool is_new = false;  // the request had no session: the reply gives one
  std::string address;
  std::string language;         // "en" or "ko"
  bool chose_language = false;  // by ?lang=: the reply remembers it
};

// What a visitor may not do, or can't now; thrown by handlers and told in his language.
struct Refusal {
  int status = 400;
  std::string key;  // of the texts
  int retry_s = 0;  // Retry-After, if not 0
};

Visitor VisitorOf(const net::HttpRequest& request, bool trusts_forwarded);

// "a=1&b=x+y" to fields. What isn't well-formed is left out; of equal names the first counts.
std::map<std::string, std::string> ParseForm(std::string_view text);
// All values of one name, in order.
std::vector<std::string> ParseList(std::string_view text, std::string_view name);

// As the value of a query's field.
std::string UrlEncoded(std::string_view text);

// Whether the Host header is one of `names`, an address or "localhost".
bool KnowsHost(std::string_view host, const std::vector<std::string>& names);
// Whether a browser says that another site made it send this.
bool IsForeign(const net::HttpRequest& request);

// Adds what every reply of the page carries; cookies where the visitor needs them.
void AddPageHeaders(const Visitor& visitor, bool is_shared, net::HttpResponse& response);

}  // namespace agon::arena
