#include "core/align.h"

#include <algorithm>

#include "core/utf8.h"

namespace agon {
namespace {

size_t Columns(const std::string& text) { return static_cast<size_t>(CountUtf8(text)); }

}  // namespace

std::string AlignColumns(const std::vector<std::vector<std::string>>& rows,
                         const std::function<bool(size_t)>& is_left) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - Columns(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (is_left(i) ? row[i] + space : space + row[i]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace agon
