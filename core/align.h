// Tables as plain text, for a terminal.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace agon {

// A line for each row, with columns two spaces apart and as wide as their widest cell in
// characters; to the left where `is_left(column)` says so, else to the right. Lines end without
// spaces.
std::string AlignColumns(const std::vector<std::vector<std::string>>& rows,
                         const std::function<bool(size_t)>& is_left);

}  // namespace agon
