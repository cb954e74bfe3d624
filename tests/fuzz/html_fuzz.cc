// Any page gives valid UTF-8 text or a reason to drop it, in bounded time.
#include <string>

#include "datasets/clean.h"
#include "datasets/html_text.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  std::string page(bytes);
  // Pages are cleaned first; what is no UTF-8 never gets to the parser.
  if (*datasets::CleanText(page) != 0) return;
  const datasets::HtmlText html = datasets::ExtractHtmlText(page);
  AGON_CHECK(datasets::IsValidUtf8(html.text));
  AGON_CHECK(html.text.empty() || *html.dropped == 0);
}

}  // namespace agon
