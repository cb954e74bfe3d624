// The readable text of an HTML page.
#pragma once

#include <string>
#include <string_view>

namespace agon::datasets {

struct HtmlText {
  std::string text;
  const char* dropped = "";  // reason why there is no text: "nested too deep", "too complex",
                             // "too broken"
};

// Headings, paragraphs, lists ("- "), table rows (cells joined by " | ") and preformatted
// text with its blanks, in reading order, blocks separated by an empty line. Scripts, styles,
// form controls, navigation, headers, footers, sidebars and permalinks are left out; so is
// everything outside <main> or role="main" if a page has one.
//
// Time and memory are bounded for hostile input, too: pages that nest too deep
// (datasets/html_nesting.h), whose tags may take long to parse (datasets/html_cost.h), or whose
// tree takes much more memory than the page, are dropped.
// No recursion.
// REQUIRES: html is valid UTF-8.
HtmlText ExtractHtmlText(std::string_view html);

}  // namespace agon::datasets
