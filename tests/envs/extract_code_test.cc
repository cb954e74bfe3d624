// Where the program stands in a response.
#include <gtest/gtest.h>

#include "envs/code/grader.h"

namespace agon::envs {
namespace {

TEST(ExtractCodeTest, TakesTheLastPythonBlock) {
  EXPECT_EQ(ExtractCode("a\n```python\none\n```\nb\n```py\ntwo\n  2\n```\nc"), "two\n  2\n");
  EXPECT_EQ(ExtractCode("```python\none\n```\noutput:\n```\ntwo\n```"), "one\n");
  EXPECT_EQ(ExtractCode("```\none\n```\n```text\ntwo\n```"), "two\n");
  EXPECT_EQ(ExtractCode("  ```python  \r\none\r\n  ```"), "one\r\n");
  EXPECT_EQ(ExtractCode("```python\ns = '```'\n```"), "s = '```'\n");
}

TEST(ExtractCodeTest, TakesAllWithoutFence) {
  EXPECT_EQ(ExtractCode("def f(x):\n    return x"), "def f(x):\n    return x");
  EXPECT_EQ(ExtractCode(""), "");
}

TEST(ExtractCodeTest, OpenFenceReachesToTheEnd) {
  EXPECT_EQ(ExtractCode("text\n```python\none\ntwo"), "one\ntwo");
  EXPECT_EQ(ExtractCode("text\n```python"), "");
  EXPECT_EQ(ExtractCode("```python\none\n```\n```python\n"), "");
}

TEST(ExtractCodeTest, ThinkingDoesNotCount) {
  EXPECT_EQ(ExtractCode("<think>```python\none\n```</think>x = 1"), "x = 1");
  EXPECT_EQ(ExtractCode("x = 1<think>```python\none\n```"), "x = 1");
  EXPECT_EQ(ExtractCode("<think>\n```python\none\n```"), "");
}

}  // namespace
}  // namespace agon::envs
