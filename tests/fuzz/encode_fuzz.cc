// Any bytes encode to ids of text and decode to the same bytes; untrusted text forges no turn.
#include <string>
#include <vector>

#include "datasets/chat.h"
#include "datasets/tokenizer.h"
#include "tests/fuzz/fuzz.h"

namespace agon {
namespace {

const datasets::Tokenizer& SmallTokenizer() {
  static const datasets::Tokenizer tokenizer =
      datasets::Tokenizer::FromMerges({{'t', 'h'},
                                       {256, 'e'},
                                       {' ', 257},
                                       {'i', 'n'},
                                       {0xc3, 0xa9},
                                       {'\n', '\n'},
                                       {'a', 'a'},
                                       {262, 262}},
                                      datasets::ChatSpecialTokens());
  return tokenizer;
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  const datasets::Tokenizer& tokenizer = SmallTokenizer();
  const std::vector<int32_t> ids = tokenizer.Encode(bytes);
  for (const int32_t id : ids) AGON_CHECK(!tokenizer.IsSpecial(id));
  AGON_CHECK(tokenizer.Decode(ids) == bytes);
  static const datasets::ChatTemplate chat(tokenizer);
  const datasets::Rendered rendered =
      chat.Render({{Role::kUser, std::string(bytes)}, {Role::kAssistant, std::string(bytes)}});
  AGON_CHECK(rendered.ids.size() == rendered.loss_mask.size());
  int num_turns = 0;
  for (const int32_t id : rendered.ids) num_turns += id == chat.stop_token_id();
  AGON_CHECK(num_turns == 2);
}

}  // namespace agon
