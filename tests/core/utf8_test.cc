// Well-formed and broken sequences, by Unicode 15, table 3-7.
#include "core/utf8.h"

#include <gtest/gtest.h>

namespace agon {
namespace {

TEST(Utf8Test, Characters) {
  const auto code = [](std::string_view text) { return NextUtf8(text).code; };
  EXPECT_EQ(code("a"), 0x61u);
  EXPECT_EQ(code("\xc3\xa9"), 0xE9u);
  EXPECT_EQ(code("\xe2\x82\xac"), 0x20ACu);
  EXPECT_EQ(code("\xf0\x9f\x98\x80!"), 0x1F600u);
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82", "\xc3("}) {
    EXPECT_EQ(NextUtf8(bad).length, 0u) << bad;
  }
}

TEST(Utf8Test, Unfinished) {
  EXPECT_EQ(UnfinishedUtf8Bytes("abc"), 0u);
  EXPECT_EQ(UnfinishedUtf8Bytes("a\xc3"), 1u);
  EXPECT_EQ(UnfinishedUtf8Bytes("a\xe2\x82"), 2u);
  EXPECT_EQ(UnfinishedUtf8Bytes("a\xf0\x9f\x98"), 3u);
  EXPECT_EQ(UnfinishedUtf8Bytes("a\xf0\x9f\x98\x80"), 0u);
  EXPECT_EQ(UnfinishedUtf8Bytes("\x80\x80\x80\x80"), 0u);  // never to be finished
}

TEST(Utf8Test, BrokenBytesAreReplacedOneByOne) {
  EXPECT_EQ(ReplaceBrokenUtf8("a\xff\xc3\xa9\xe2\x82"), "a\uFFFD\u00e9\uFFFD\uFFFD");
  EXPECT_EQ(ReplaceBrokenUtf8(""), "");
}

}  // namespace
}  // namespace agon
