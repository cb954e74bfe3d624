#include "arena/page/html.h"

#include "core/utf8.h"

namespace agon::arena {

Html& Html::Text(std::string_view text) {
  for (const char c : ReplaceBrokenUtf8(text)) {
    switch (c) {
      case '&':
        html_ += "&amp;";
        break;
      case '<':
        html_ += "&lt;";
        break;
      case '>':
        html_ += "&gt;";
        break;
      case '"':
        html_ += "&quot;";
        break;
      case '\'':
        html_ += "&#39;";
        break;
      case '\0':
        html_ += "\uFFFD";
        break;
      default:
        html_ += c;
    }
  }
  return *this;
}

// Only "<" can end a script element early; in JSON it stands in strings alone.
Html& Html::JsonText(std::string_view json) {
  for (const char c : json) {
    if (c == '<') {
      html_ += "\\u003c";
    } else {
      html_ += c;
    }
  }
  return *this;
}

}  // namespace agon::arena
