#include "judge/text.h"

#include <cmath>
#include <cstdint>
#include <cstdio>

#include "core/progress.h"
#include "core/utf8.h"

namespace agon::judge {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool TurnsDirection(uint32_t code) {
  return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
         code == 0x200E || code == 0x200F || code == 0x061C;
}

void AppendPicture(uint32_t control, std::string& out) {
  const uint32_t code = control == 0x7F ? 0x2421 : 0x2400 + control;
  out += static_cast<char>(0xE0 | code >> 12);
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
}

std::string Print(const char* format, int decimals, double value) {
  char text[64];
  if (std::fabs(value) >= 1e15) {  // as many digits say nothing
    std::snprintf(text, sizeof text, "%.3g", value);
  } else {
    std::snprintf(text, sizeof text, format, decimals, value);
  }
  return text;
}

// U+2212: a hyphen is too short beside a plus.
std::string WithMinus(std::string text) {
  if (text.starts_with("-")) text.replace(0, 1, "−");
  return text;
}

}  // namespace

std::string CleanText(std::string_view bytes, size_t max_bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    if (max_bytes > 0 && i >= max_bytes) return out + "…";
    const Utf8Character character = NextUtf8(bytes.substr(i));
    const uint32_t code = character.code;
    if (character.length == 0 || TurnsDirection(code) || (code >= 0x80 && code < 0xA0)) {
      out += kReplacement;
    } else if ((code < 0x20 && code != '\n' && code != '\t') || code == 0x7F) {
      AppendPicture(code, out);
    } else {
      out += bytes.substr(i, character.length);
    }
    i += character.length == 0 ? 1 : character.length;
  }
  return out;
}

std::string EscapeHtml(std::string_view bytes, size_t max_bytes) {
  std::string out;
  for (const char c : CleanText(bytes, max_bytes)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string EscapeMarkdown(std::string_view bytes, size_t max_bytes) {
  constexpr std::string_view kSpecial = "\\`*_{}[]()#!|~<>&";
  std::string out;
  for (const char c : CleanText(bytes, max_bytes)) {
    if (c == '\n' || c == '\t') {
      out += ' ';
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      if (kSpecial.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string FormatNumber(double value, int decimals) {
  return std::isfinite(value) ? WithMinus(Print("%.*f", decimals, value)) : "–";
}

std::string FormatPercent(double share, int decimals) {
  return std::isfinite(share) ? FormatNumber(100 * share, decimals) + " %" : "–";
}

std::string FormatPoints(double difference, int decimals) {
  return std::isfinite(difference) ? WithMinus(Print("%+.*f", decimals, 100 * difference)) : "–";
}

std::string FormatShort(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 10000) return FormatCount(value);
  if (size < 1e-3) return WithMinus(Print("%.*e", 1, value));
  const int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4;
  return FormatNumber(value, decimals);
}

}  // namespace agon::judge
