// The nearest of some known names, for errors that say what was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace agon {

// Number of single-character insertions, deletions, substitutions and swaps of neighbours
// that turn `a` into `b` (optimal string alignment). Quadratic: for names, not for texts.
int EditDistance(std::string_view a, std::string_view b);

// The candidate with the smallest distance (the first of equals), or "" if none is nearer
// than half the longer name's length.
std::string NearestName(std::string_view name, std::span<const std::string> candidates);

}  // namespace agon
