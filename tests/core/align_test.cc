#include "core/align.h"

#include <gtest/gtest.h>

namespace agon {
namespace {

TEST(AlignColumns, GoesByCharactersAndLeavesNoSpacesBehind) {
  const auto first = [](size_t column) { return column == 0; };
  EXPECT_EQ(AlignColumns({{"", "one"}, {"name", "−1", "x"}, {"é", "22", ""}}, first),
            "      one\nname   −1  x\né      22\n");
  EXPECT_EQ(AlignColumns({{}, {""}}, first), "\n\n");
  EXPECT_EQ(AlignColumns({}, first), "");
}

}  // namespace
}  // namespace agon
