// WordNet's glosses as readable English.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace agon::datasets {

// Reads a data file of WordNet 3.x (format: wndb(5WN)) and returns its entries, one a line,
// "dog, domestic dog: a member of the genus Canis; "the dog barked all night"", some
// 2 kB of neighbouring entries per text. Lines that aren't entries (the licence at the top
// is set off by blanks) are skipped; `num_broken` counts those that should be and can't be
// read.
std::vector<std::string> ReadWordNet(std::string_view data_file, int64_t& num_broken);

}  // namespace agon::datasets
