// Replies that say who wrote them. Private to arena.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agon::arena {

// The words that give a model away: its name, the name's parts behind "/", "#" and ":" that are
// long enough to mean it, in lower case.
std::vector<std::string> NamesOfModel(const std::string& model, const std::string& location);

// The first of `words` (lower case) that `reply` says and none of `asked` did, as a whole word in
// any case; "" if there is none. What a person named first is no secret.
// Words that a public arena drops battles for (FastChat's clean_battle_data.py) are always among
// them: makers and models of the outside world.
std::string FindLeak(std::string_view reply, const std::vector<std::string>& asked,
                     const std::vector<std::string>& words);

}  // namespace agon::arena
