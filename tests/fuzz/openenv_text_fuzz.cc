// What a policy says is an OpenEnv action or not; what a server sends is shown or refused.
#include "core/json.h"
#include "envs/openenv/text.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  const envs::ActionShape none, text{{"message"}, "string"}, number{{"move"}, "integer"};
  for (const envs::ActionShape* shape : {&none, &text, &number}) {
    const auto action = envs::ActionFromText(bytes, *shape);
    if (const auto* json = std::get_if<Json>(&action)) AGON_CHECK(json->is_object());
  }
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    const Json json = ParseJson(bytes, "fuzz");
    envs::TextFromObservation(json);
    envs::ShapeFromSchema(json, "fuzz");
  });
}

}  // namespace agon
