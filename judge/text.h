// Numbers for readers, and untrusted text made harmless.
//
// What a model writes may be any bytes. Each function below gives valid UTF-8 in which
// control characters and text-direction overrides are shown, not obeyed.
#pragma once

#include <string>
#include <string_view>

namespace agon::judge {

// Valid UTF-8: broken bytes become U+FFFD; control characters other than tab and newline
// become their pictures (U+2400..); direction overrides become U+FFFD. `max_bytes` cuts at
// a character and adds an ellipsis; 0: no limit.
std::string CleanText(std::string_view bytes, size_t max_bytes = 0);

// CleanText, safe between tags and in quoted attributes of HTML.
std::string EscapeHtml(std::string_view bytes, size_t max_bytes = 0);

// CleanText on one line, safe in a cell of a Markdown table.
std::string EscapeMarkdown(std::string_view bytes, size_t max_bytes = 0);

// "93.1 %", "+51.0" (percentage points), "12.34" with `decimals`; "–" for NaN.
std::string FormatPercent(double share, int decimals = 1);
std::string FormatPoints(double difference, int decimals = 1);
std::string FormatNumber(double value, int decimals);
// Three significant digits without an exponent where that is readable: "0.0123", "1.2 k".
std::string FormatShort(double value);

}  // namespace agon::judge
