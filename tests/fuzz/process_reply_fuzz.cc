// Whatever a program writes is a reply or a clear error.
#include "envs/plugin/process_wire.h"
#include "envs/plugin/wire.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  AGON_CHECK(envs::Shown(bytes).size() <= 3 * 200 + 3);
  envs::GuessReplyId(bytes);
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    for (const envs::Reply& reply : envs::ParseReplies(bytes)) {
      const auto read = [&](const auto& body) { ExpectOnly({ErrorKind::kCorrupt}, body); };
      read([&] { envs::StepResultFromJson(reply.data, "fuzz"); });
      read([&] { envs::TaskFromJson(reply.data, "fuzz"); });
      read([&] { envs::InfoFromJson(reply.data, "fuzz"); });
    }
  });
}

}  // namespace agon
