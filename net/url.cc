#include "net/url.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace agon::net {
namespace {

constexpr size_t kMaxUrlBytes = 2048;

[[noreturn]] void ThrowBad(std::string_view text, std::string_view scheme) {
  throw Error(ErrorKind::kUsage, "\"" + std::string(text.substr(0, 200)) + "\" is no address",
              "url", "write it like " + std::string(scheme) + "://127.0.0.1:8000/path");
}

bool IsPort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

}  // namespace

std::string Url::Authority() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

Url ParseUrl(std::string_view text, std::string_view scheme) {
  const std::string_view whole = text;
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (text.size() > kMaxUrlBytes || std::any_of(text.begin(), text.end(), is_odd)) {
    ThrowBad(whole, scheme);
  }
  Url url;
  url.scheme = scheme;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) ThrowBad(whole, scheme);
  if (text.substr(0, colon) == url.scheme + "s") {
    throw Error(
        ErrorKind::kUnsupported, "encrypted connections are not supported", whole,
        "use " + url.scheme + ":// to a TLS proxy on this machine, such as stunnel or caddy");
  }
  if (text.substr(0, colon) != scheme) ThrowBad(whole, scheme);
  text.remove_prefix(colon + 3);
  const size_t slash = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, slash);
  url.target = text.substr(slash);
  if (url.target.empty() || url.target[0] == '?') url.target.insert(0, "/");
  const size_t bracket = authority.find(']');
  if (authority.starts_with('[') && bracket != std::string_view::npos) {
    url.host = authority.substr(1, bracket - 1);
    authority.remove_prefix(bracket + 1);
  } else {
    url.host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(url.host.size());
  }
  url.port = authority.empty() ? "80" : authority.substr(1);
  const bool has_colon = authority.empty() || authority[0] == ':';
  if (url.host.empty() || url.host.find('@') != std::string::npos || !has_colon ||
      !IsPort(url.port)) {
    ThrowBad(whole, scheme);
  }
  return url;
}

}  // namespace agon::net
