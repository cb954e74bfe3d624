#include "arena/page/visitor.h"

#include <algorithm>

#include "core/digest.h"

namespace agon::arena {
namespace {

constexpr std::string_view kSessionCookie = "agon_session", kLanguageCookie = "agon_lang";
constexpr size_t kSessionDigits = 32, kMaxFields = 64;
// Nothing comes from elsewhere, nothing runs that isn't a file of the page, nobody frames it.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The value of a cookie, "" if there is none.
std::string_view Cookie(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = Trim(header.substr(0, end));
    const size_t equals = pair.find('=');
    if (equals != pair.npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return {};
}

bool IsSession(std::string_view text) {
  return text.size() == kSessionDigits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool IsLanguage(std::string_view text) { return text == "en" || text == "ko"; }

// The first of Accept-Language that the page speaks. Weights don't matter to two languages.
std::string Preferred(std::string_view header) {
  const size_t korean = header.find("ko"), english = header.find("en");
  return korean < english ? "ko" : "en";
}

bool Decode(std::string text, std::string* decoded) {
  std::replace(text.begin(), text.end(), '+', ' ');
  return net::PercentDecode(text, decoded);
}

template <typename Take>
void ForEachField(std::string_view text, const Take& take) {
  for (size_t i = 0; i < kMaxFields && !text.empty(); ++i) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view raw = equals < pair.size() ? pair.substr(equals + 1) : "";
    std::string name, value;
    if (Decode(std::string(pair.substr(0, equals)), &name) && Decode(std::string(raw), &value)) {
      take(std::move(name), std::move(value));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

Visitor VisitorOf(const net::HttpRequest& request, bool trusts_forwarded) {
  Visitor visitor;
  const std::string_view cookies = request.Header("Cookie");
  visitor.session = Cookie(cookies, kSessionCookie);
  visitor.is_new = !IsSession(visitor.session);
  if (visitor.is_new) visitor.session = RandomHex(kSessionDigits / 2);
  visitor.address = request.peer;
  const std::string_view forwarded = request.Header("X-Forwarded-For");
  if (trusts_forwarded && !forwarded.empty()) {
    visitor.address = Trim(forwarded.substr(forwarded.find_last_of(',') + 1));
  }
  const std::string chosen = ParseForm(request.query)["lang"];
  visitor.chose_language = IsLanguage(chosen);
  visitor.language = chosen;
  if (!visitor.chose_language) visitor.language = Cookie(cookies, kLanguageCookie);
  if (!IsLanguage(visitor.language))
    visitor.language = Preferred(request.Header("Accept-Language"));
  return visitor;
}

std::map<std::string, std::string> ParseForm(std::string_view text) {
  std::map<std::string, std::string> fields;
  ForEachField(text, [&](std::string name, std::string value) {
    fields.emplace(std::move(name), std::move(value));
  });
  return fields;
}

std::vector<std::string> ParseList(std::string_view text, std::string_view wanted) {
  std::vector<std::string> values;
  ForEachField(text, [&](const std::string& name, std::string value) {
    if (name == wanted) values.push_back(std::move(value));
  });
  return values;
}

std::string UrlEncoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

bool KnowsHost(std::string_view host, const std::vector<std::string>& names) {
  if (names.empty()) return true;
  if (host.starts_with('[')) return true;  // an IPv6 address
  host = host.substr(0, host.find(':'));
  const bool is_address = !host.empty() && host.find_first_not_of("0123456789.") == host.npos;
  return is_address || std::find(names.begin(), names.end(), host) != names.end();
}

bool IsForeign(const net::HttpRequest& request) {
  const std::string_view site = request.Header("Sec-Fetch-Site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return false;
  const size_t slashes = origin.find("//");
  return slashes == origin.npos || origin.substr(slashes + 2) != request.Header("Host");
}

void AddPageHeaders(const Visitor& visitor, bool is_shared, net::HttpResponse& response) {
  const net::HttpHeaders always = {{"Content-Security-Policy", kPolicy},
                                   {"X-Content-Type-Options", "nosniff"},
                                   {"Referrer-Policy", "same-origin"},
                                   {"Cross-Origin-Opener-Policy", "same-origin"},
                                   {"Cross-Origin-Resource-Policy", "same-origin"}};
  response.headers.insert(response.headers.end(), always.begin(), always.end());
  if (is_shared) return;
  response.headers.emplace_back("Cache-Control", "no-store");
  const std::string attributes = "; Path=/; Max-Age=31536000; SameSite=Lax";
  if (visitor.is_new) {
    response.headers.emplace_back("Set-Cookie", std::string(kSessionCookie) + "=" +
                                                    visitor.session + attributes + "; HttpOnly");
  }
  if (visitor.chose_language) {
    response.headers.emplace_back(
        "Set-Cookie", std::string(kLanguageCookie) + "=" + visitor.language + attributes);
  }
}

}  // namespace agon::arena
