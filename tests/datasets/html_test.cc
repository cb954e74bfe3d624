#include <gtest/gtest.h>

#include <string>

#include "datasets/clean.h"
#include "datasets/html_text.h"
#include "tests/repeat.h"

namespace agon::datasets {
namespace {

std::string Text(std::string_view html) {
  const HtmlText result = ExtractHtmlText(html);
  return *result.dropped == '\0' ? result.text : std::string("dropped: ") + result.dropped;
}

TEST(HtmlTest, ReadsBlocks) {
  EXPECT_EQ(Text("<h1>Title</h1><p>One  <b>bold</b>\nword.</p><p>Two<br>lines &amp; more</p>"),
            "Title\n\nOne bold word.\n\nTwo\nlines & more");
  EXPECT_EQ(Text("<p>a<i>b</i>c <i>d</i></p>"), "abc d");
}

TEST(HtmlTest, ReadsListsAndTables) {
  EXPECT_EQ(Text("<p>See:</p><ul><li>one</li><li><p>two</p></li></ul><p>End</p>"),
            "See:\n\n- one\n- two\n\nEnd");
  EXPECT_EQ(
      Text("<table><tr><th>a</th><th>b</th></tr><tr><td><p>1</p></td><td>2</td></tr></table>"),
      "a | b\n1 | 2");
  EXPECT_EQ(Text("<dl><dt>term</dt><dd>meaning</dd></dl>"), "term\nmeaning");
}

TEST(HtmlTest, KeepsBlanksOfPreformattedText) {
  EXPECT_EQ(Text("<p>Code:</p><pre>if x:\n    <b>y</b>()\n</pre><p>after</p>"),
            "Code:\n\nif x:\n    y()\n\nafter");
}

TEST(HtmlTest, LeavesOutWhatIsNotText) {
  EXPECT_EQ(
      Text("<head><title>t</title></head><header>h</header><nav>n</nav><p>text"
           "<a class=headerlink>#</a></p><script>s()</script><style>b{}</style>"
           "<div class='sphinxsidebar'>side</div><div role=navigation>r</div>"
           "<form><button>f</button><select><option>o</select></form><!-- c --><footer>f</footer>"),
      "text");
}

TEST(HtmlTest, ReadsOnlyTheMainPart) {
  EXPECT_EQ(Text("<p>before</p><div role='main'><p>inside</p></div><p>after</p>"), "inside");
  EXPECT_EQ(Text("<p>before</p><main>inside</main>"), "inside");
}

TEST(HtmlTest, SurvivesBrokenPages) {
  EXPECT_EQ(Text(""), "");
  EXPECT_EQ(Text("no markup"), "no markup");
  EXPECT_EQ(Text("<p>open <b>everywhere"), "open everywhere");
  EXPECT_EQ(Text("</div></p>text</b>"), "text");
  EXPECT_EQ(Text("a < b <"), "a < b <");
  EXPECT_EQ(Text("<p"), "");
}

TEST(HtmlTest, ReferencesToImpossibleCharactersStayValidText) {
  const std::string digits(80, '5');
  for (const std::string& reference :
       {"&#25" + digits + "33;", std::string("&#99999999999;"), std::string("&#xFFFFFFFFF;"),
        std::string("&#xD800;"), std::string("&#0;")}) {
    const HtmlText html = ExtractHtmlText("<p>before " + reference + " after</p>");
    EXPECT_TRUE(IsValidUtf8(html.text)) << reference;
    EXPECT_TRUE(html.text.starts_with("before")) << reference;
    EXPECT_TRUE(html.text.ends_with("after")) << reference;
  }
}

TEST(HtmlTest, DropsPagesThatBreakTheParsersAssertions) {
  for (int i = 0; i < 2; ++i) {  // and the page after one is read as ever
    EXPECT_EQ(Text("<table><td><svg><select><title><table><table>"), "dropped: too broken");
    EXPECT_EQ(Text("<p>fine</p>"), "fine");
  }
}

TEST(HtmlTest, DropsPagesThatNestTooDeep) {
  const int kDepth = 100000;
  EXPECT_EQ(Text(Repeat("<div>", kDepth) + "text" + Repeat("</div>", kDepth)),
            "dropped: nested too deep");
  EXPECT_EQ(Text(Repeat("<div><b></i>", kDepth)), "dropped: nested too deep");
  EXPECT_EQ(Text(Repeat("<svg><td>", 300)), "dropped: nested too deep");
  EXPECT_EQ(Text(Repeat("<div><script></div></script>", 600)), "dropped: nested too deep");
  EXPECT_EQ(Text(Repeat("<div><!--</div>-->", 600)), "dropped: nested too deep");
  EXPECT_EQ(Text(Repeat("<div title='</div>'>", 600)), "dropped: nested too deep");
}

// A parser keeps <span> open where its end tag stands inside another element.
TEST(HtmlTest, DropsPagesOfMisplacedEndTags) {
  for (const char* tags :
       {"<span><div></span></div>", "<span><p></span></p>", "<form><div></form></div>"}) {
    EXPECT_EQ(Text(Repeat(tags, 100000)), "dropped: nested too deep") << tags;
    EXPECT_EQ(Text(Repeat(tags, 100) + "text"), "text") << tags;
  }
}

TEST(HtmlTest, LongPagesInOrderAreNotDeep) {
  for (const char* part :
       {"<div><p>x<br></div>", "<span>x</span>", "<b><p>x</p></b>", "<p>x<a href=/>y</a></p>",
        "<div><span>x<b>y</div>", "x<svg><path d='M'/><path/></svg>", "<script>'<div>'</script>x",
        "<!-- <div> -->x", "x<img title='<div>'>", "<table><tr><td>x<td>y</table>"}) {
    const std::string text = Text(Repeat(part, 1000));
    EXPECT_GE(text.size(), 1000u) << part << text;
    EXPECT_FALSE(text.starts_with("dropped")) << part << text;
  }
}

TEST(HtmlTest, LongFlatPagesAreNotDeep) {
  const std::string text = Text(Repeat("<p>x<br><li>y<td>z", 20000));
  EXPECT_TRUE(text.starts_with("x\n")) << text.substr(0, 50);
  EXPECT_GT(text.size(), 100000u);
}

TEST(HtmlTest, BoundsMemoryOfPagesThatMultiply) {
  // Every paragraph opens all the formatting elements above it again.
  std::string html = "<p>";
  for (int i = 0; i < 400; ++i) html += "<font size=" + std::to_string(i) + ">";
  EXPECT_EQ(Text(html + Repeat("<p>x", 20000)), "dropped: too complex");
}

TEST(HtmlTest, ReadsALongLine) {
  const std::string line(10 << 20, 'x');
  EXPECT_EQ(Text("<p>" + line + "</p>"), line);
}

}  // namespace
}  // namespace agon::datasets
