// Any bytes from a box are a value, or an Error; a value reads back as itself. What a model
// writes is searched for code without a crash.
#include "core/error.h"
#include "envs/code/grader.h"
#include "envs/code/plain_value.h"
#include "tests/fuzz/fuzz.h"

namespace agon {

void FuzzOne(std::string_view bytes) {
  AGON_CHECK(envs::ExtractCode(bytes).size() <= bytes.size());
  ExpectOnly({ErrorKind::kCorrupt}, [&] {
    const envs::PlainValue value = envs::ParsePlainValue(bytes, "fuzz");
    const std::string json = envs::PlainValueJson(value);
    const envs::PlainValue again = envs::ParsePlainValue(json, "fuzz");
    AGON_CHECK(envs::EqualPlainValues(value, again), json);
    AGON_CHECK(envs::EqualPlainValues(value, again, 1e-6), json);
    AGON_CHECK(envs::PlainValueJson(again) == json, json);
  });
}

}  // namespace agon
