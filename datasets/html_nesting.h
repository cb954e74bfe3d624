// How deep a page of HTML nests, told from its tags alone.
#pragma once

#include <string_view>

namespace agon::datasets {

// Whether more than 512 elements seem to be open at some place, or more than 2048 end tags
// are misplaced so that a parser may leave their elements open. A parser that keeps a stack of
// open elements walks it for many a tag, so it takes quadratic time on such pages; here the
// time is linear. Errs on the side of true for sloppy pages.
bool NestsTooDeep(std::string_view html);

}  // namespace agon::datasets
