// HTML without a way for text to become markup. Private to arena.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agon::arena {

// Markup that stands in the source: nothing that is known only when running can become one.
struct Markup {
  // NOLINTNEXTLINE(google-explicit-constructor): Add("<p>") is the point
  consteval Markup(const char* literal) : text(literal) {}
  std::string_view text;
};

class Html {
 public:
  Html& Add(Markup markup) {
    html_ += markup.text;
    return *this;
  }
  // Between tags, or between the double quotes of an attribute.
  Html& Text(std::string_view text);
  Html& Text(int64_t number) { return Text(std::to_string(number)); }
  Html& Append(const Html& part) {
    html_ += part.html_;
    return *this;
  }
  // JSON inside <script type="application/json">.
  Html& JsonText(std::string_view json);

  std::string Take() && { return std::move(html_); }

 private:
  std::string html_;
};

}  // namespace agon::arena
