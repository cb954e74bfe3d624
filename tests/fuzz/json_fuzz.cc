// Any bytes either parse, and then survive a round trip, or end in Error(kCorrupt).
#include <string>

#include "core/json.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

void ReadFields(const Json& value) {
  for (const char* key : {"a", "hidden_size"}) {
    ExpectOnly({ErrorKind::kCorrupt}, [&] { JsonField<int>(value, key, "fuzz"); });
    ExpectOnly({ErrorKind::kCorrupt}, [&] { JsonField<double>(value, key, "fuzz"); });
    ExpectOnly({ErrorKind::kCorrupt}, [&] { JsonField<std::string>(value, key, "fuzz"); });
  }
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    const Json value = ParseJson(bytes, "fuzz");
    const std::string text = value.dump();
    AGON_CHECK(ParseJson(text, "fuzz").dump() == text);
    ReadFields(value);
  });
}

}  // namespace agon
