// A bound on the time that a page of HTML takes to parse.
#pragma once

#include <string_view>

namespace agon::datasets {

// Whether gumbo may take much longer than its usual time: it takes time proportional to the
// number of open elements for every tag and character, and to the square of the attributes of
// a tag. Linear in the page; true if open elements times bytes may exceed 2^30 + 128 per byte,
// or for a tag of more than 256 attributes.
//
// Never counts fewer open elements than a parser has: an end tag counts only where it surely
// ends the innermost element, not in a comment, among attributes or in the text of a script.
// So it overestimates sloppy pages, which only matters for those that are large, too.
// html_nesting.h estimates the depth more closely, and either way.
bool MayTakeLong(std::string_view html);

}  // namespace agon::datasets
