// Any bytes on a connection: requests or a status, however they are cut into pieces.
#include <string>

#include "core/error.h"
#include "net/http/reader.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

using net::HttpReader;

// What a connection makes of `bytes` that arrive `step` at a time: one line per request, then the
// status that ended it.
std::string Read(std::string_view bytes, size_t step) {
  std::string seen, waiting;
  HttpReader reader(512, 1024);
  for (size_t begin = 0; begin < bytes.size(); begin += step) {
    waiting += bytes.substr(begin, step);
    while (!waiting.empty()) {
      const size_t used = reader.Feed(waiting);
      AGON_CHECK(used <= waiting.size());
      waiting.erase(0, used);
      if (reader.state() == HttpReader::State::kFailed) {
        AGON_CHECK(reader.status() >= 400 && reader.status() <= 505);
        return seen + std::to_string(reader.status());
      }
      if (reader.state() != HttpReader::State::kDone) break;
      const net::HttpRequest request = reader.Take();
      AGON_CHECK(request.body.size() <= 1024);
      seen += request.method + " " + request.path + "?" + request.query + " " + request.body;
      for (const auto& [name, value] : request.headers) seen += name + ":" + value + "\n";
      reader = HttpReader(512, 1024);
    }
  }
  return seen;
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  const std::string whole = Read(bytes, bytes.size() + 1);
  const std::string pieces = Read(bytes, 7);
  // What is wrong may be said before the header has ended, or only then.
  AGON_CHECK(whole.starts_with(pieces), "the cut into pieces matters");
}

}  // namespace agon
