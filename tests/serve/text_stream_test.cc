// Text that comes in pieces: characters and stop strings that span them.
#include "serve/text_stream.h"

#include <gtest/gtest.h>

#include "core/rng.h"

namespace agon::serve {
namespace {

TEST(TextStreamTest, CharactersAreKeptWhole) {
  TextStream stream;
  EXPECT_EQ(stream.Add("a\xf0\x9f"), "a");
  EXPECT_EQ(stream.Add("\x98"), "");
  EXPECT_EQ(stream.Add("\x80 b"), "\U0001F600 b");
  EXPECT_EQ(stream.Add("\xc3"), "");
  EXPECT_EQ(stream.Add("x"), "\uFFFDx");  // it was no beginning
  EXPECT_EQ(stream.Add("\xe2\x82"), "");
  EXPECT_EQ(stream.Finish(), "\uFFFD\uFFFD");
}

TEST(TextStreamTest, StopStringsSpanPieces) {
  TextStream stream({"STOP", "\n\n"});
  EXPECT_EQ(stream.Add("one S"), "one ");
  EXPECT_EQ(stream.Add("T"), "");
  EXPECT_EQ(stream.Add("EP \n"), "STEP ");
  EXPECT_EQ(stream.Add("x ST"), "\nx ");
  EXPECT_FALSE(stream.is_stopped());
  EXPECT_EQ(stream.Add("OP and more"), "");
  EXPECT_TRUE(stream.is_stopped());
  EXPECT_EQ(stream.Add("late"), "");
  EXPECT_EQ(stream.Finish(), "");
}

TEST(TextStreamTest, TheFirstStopWins) {
  EXPECT_EQ(TextUntilStop("abcdef", {"ef", "cd"}), "ab");
  EXPECT_EQ(TextUntilStop("abcdef", {"bcd", "cde", "b"}), "a");
  EXPECT_EQ(TextUntilStop("abab", {"abc"}), "abab");
}

TEST(TextStreamTest, CutsDoNotMatter) {
  Rng rng({.run_seed = 3, .stream = RngStream::kTest});
  const std::vector<std::string> stops = {"aab", "b\xc3\xa9", "aaaa"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (uint64_t i = rng.Below(12); i > 0; --i) {
      constexpr const char* kParts[] = {"a", "b", "\xc3", "\xa9", "\xc3\xa9"};
      text += kParts[rng.Below(5)];
    }
    TextStream stream(stops);
    std::string pieces;
    for (size_t at = 0; at < text.size();) {
      const size_t length = 1 + rng.Below(3);
      pieces += stream.Add(std::string_view(text).substr(at, length));
      at += length;
    }
    pieces += stream.Finish();
    EXPECT_EQ(pieces, TextUntilStop(text, stops)) << text;
  }
}

}  // namespace
}  // namespace agon::serve
