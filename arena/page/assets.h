// The page's files, embedded when the binary is built. Private to arena.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "net/http.h"

namespace agon::arena {

struct Asset {
  std::string_view name;  // "page.css"
  std::string_view content;
};
// Of arena/web/, by cmake/web_assets.cmake.
std::span<const Asset> Assets();

// "" if there is none of that name.
std::string_view AssetContent(std::string_view name);

// Answers GET /assets/NAME: 304 where the browser has these bytes, 404 where there are none.
net::HttpResponse ServeAsset(const net::HttpRequest& request);

// The page's words in one language.
class Texts {
 public:
  Texts();
  // REQUIRES: a language of texts.json and one of its keys.
  std::string_view Get(const std::string& language, const std::string& key) const;
  // All of a language, as JSON for scripts.
  const std::string& JsonOf(const std::string& language) const { return json_.at(language); }

 private:
  std::map<std::string, std::map<std::string, std::string>> texts_;
  std::map<std::string, std::string> json_;
};

}  // namespace agon::arena
