// Records of samples as JSON lines: in samples.jsonl and in the cache. Private to judge.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "judge/eval.h"

namespace agon::judge {

// The fields of docs/formats/results.md but for "model".
Json SampleJson(const SampleRecord& sample);
// Throws kCorrupt naming `where` and the field.
SampleRecord ReadSample(const Json& json, const std::string& where);

}  // namespace agon::judge
