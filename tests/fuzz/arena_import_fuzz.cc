// Votes from elsewhere: any bytes are imported whole, or refused naming the line.
#include <optional>
#include <sstream>

#include "arena/arena.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  // One arena for many inputs: each either fails whole or only adds.
  static std::optional<arena::Arena> arena;
  if (!arena || arena->NumLogRows() > 1000) arena.emplace(":memory:");
  const int64_t before = arena->NumLogRows();
  for (const bool is_fastchat : {false, true}) {
    std::istringstream in{std::string(bytes)};
    ExpectOnly(
        {ErrorKind::kCorrupt, ErrorKind::kUsage, ErrorKind::kUnsupported, ErrorKind::kFailed},
        [&] { is_fastchat ? arena->ImportFastChat(in, "f") : arena->Import(in, "f"); });
  }
  AGON_CHECK(arena->NumLogRows() >= before);
  arena->Compare({}, true);
}

}  // namespace agon
