// Whatever a browser sends is read without a crash, and text never becomes markup.
#include "arena/page/html.h"
#include "arena/page/leak.h"
#include "arena/page/visitor.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  net::HttpRequest request;
  request.method = "POST";
  request.query = bytes;
  request.headers = {{"Cookie", std::string(bytes)},
                     {"Accept-Language", std::string(bytes)},
                     {"X-Forwarded-For", std::string(bytes)},
                     {"Origin", std::string(bytes)},
                     {"Host", "localhost"}};
  const arena::Visitor visitor = arena::VisitorOf(request, true);
  AGON_CHECK(visitor.session.size() == 32);
  AGON_CHECK(visitor.language == "en" || visitor.language == "ko");
  arena::IsForeign(request);
  arena::KnowsHost(bytes, {"localhost"});
  AGON_CHECK(arena::ParseForm(bytes).size() <= 64);

  // What is written into a query is read from it again.
  const std::string written = "a=" + arena::UrlEncoded(bytes);
  AGON_CHECK(arena::ParseForm(written)["a"] == bytes);

  arena::Html html;
  const std::string escaped = std::move(html.Text(bytes)).Take();
  AGON_CHECK(escaped.find_first_of("<>\"'") == std::string::npos);
  arena::FindLeak(bytes, {std::string(bytes)}, {"a name"});
}

}  // namespace agon
