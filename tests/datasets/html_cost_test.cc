#include "datasets/html_cost.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/rng.h"
#include "datasets/html_text.h"
#include "datasets/html_tree.h"
#include "tests/repeat.h"

namespace agon::datasets {
namespace {

constexpr int kMany = 60000;

std::string Numbered(std::string_view before, std::string_view after, int count) {
  std::string all;
  for (int i = 0; i < count; ++i)
    all += std::string(before) + std::to_string(i) + std::string(after);
  return all;
}

// Elements that stay open though an end tag of theirs follows: it is text, part of another tag,
// behind the wall of another element, or of another name.
TEST(HtmlCostTest, SeesThroughEndTagsThatEndNothing) {
  for (const char* part : {
           "<div>",
           "<div><!--</div>-->",
           "<div a=\"</div>\">",
           "<div a='</div>'>",
           "<div></p a=\"</div>\">",
           "<div><?</div>",
           "<div></ </div>",
           "<div><svg><![CDATA[></div>]]></svg>",
           "<div><textarea></div></textarea>",
           "<textarea><x a=\"</textarea><div b='\"></div>'>",
           "<div><table></div></table>",
           "<div><marquee></div></marquee>",
           "<div><svg></div><path/>",
           "<div-x></div>",
           "<div><script></scriptx></div></script>",
           "<div><script><!--<script></script></div>--></script>",
       }) {
    EXPECT_TRUE(MayTakeLong(Repeat(part, kMany))) << part;
  }
}

// Elements that end each other in most places, but not here.
TEST(HtmlCostTest, SeesFlatElementsNest) {
  for (const char* part : {"<li><dd>", "<li><p><dd></p>", "<rt>", "<option><optgroup>",
                           "<a><li></a><a><dd></a>", "<table><td>", "<template><p>"}) {
    EXPECT_TRUE(MayTakeLong(Repeat(part, kMany))) << part;
  }
}

TEST(HtmlCostTest, SeesTagsHiddenInTextThatIsNone) {
  const std::string divs = Repeat("<div>", kMany);
  for (const char* start : {"<select><style></select>", "<title><script></title>",
                            "<textarea><!--</textarea>", "<p a=\"<script>\">", "<!--><!-->"}) {
    EXPECT_TRUE(MayTakeLong(start + divs + "</style></script>-->")) << start;
  }
  const std::string paths = Repeat("<path/>", kMany);
  for (const char* start : {"<svg><p>", "<svg><title>", "<p a=\"<svg>\">", "<!--<svg>-->"}) {
    EXPECT_TRUE(MayTakeLong(start + paths)) << start;
  }
}

TEST(HtmlCostTest, RefusesFloodsOfAttributes) {
  EXPECT_TRUE(MayTakeLong("<p " + Numbered("a", " ", 300) + ">"));
  EXPECT_FALSE(MayTakeLong("<p " + Numbered("a", " ", 200) + ">"));
  EXPECT_TRUE(MayTakeLong(Numbered("<body a", "></body>", 300)));
  EXPECT_TRUE(MayTakeLong(Numbered("<html a", ">", 300)));
}

TEST(HtmlCostTest, TakesLinearTimeItself) {
  for (const char* part : {"<a b=\"", "<a b=c", "<![CDATA[", "<!--", "<script>", "<", "</", "<?",
                           "<option><optgroup></x>", "<script><b"}) {
    const std::string html = Repeat(part, kMany);
    MayTakeLong(html + html + html);  // a quadratic scan runs into the test's time limit
  }
}

TEST(HtmlCostTest, PassesLargePagesInOrder) {
  for (const char* part :
       {"<div><p>x<br></div>", "<b><p>x</p></b>", "<ul><li>x<li>y<p>z</ul>",
        "<dl><dt>x<dd>y<dt>z</dl>", "<table><tr><td>x<td>y</table>",
        "<svg><g><path d='M'/><path/></g></svg>", "<script>if (i<n) w('<div>')</script>",
        "<!-- <b>x</b> -->", "<p title='a > b'>x", "<pre>a < b && c > d</pre>"}) {
    EXPECT_FALSE(MayTakeLong(Repeat(part, kMany))) << part;
  }
}

TEST(HtmlCostTest, PassesSmallPagesHoweverSloppy) {
  for (const char* part : {"<div><span>x<b>y</div>", "<!-- <div> -->x", "<font size=2>x"}) {
    EXPECT_FALSE(MayTakeLong(Repeat(part, 1000))) << part;
  }
  EXPECT_FALSE(MayTakeLong(""));
  EXPECT_FALSE(MayTakeLong("<"));
  EXPECT_FALSE(MayTakeLong("<p a="));
}

// What the scan lets pass is shallow in the parser's eyes. A page that repeats a part which
// leaves one element open is 5,000 deep or more here.
TEST(HtmlCostTest, RandomPagesThatPassAreShallow) {
  constexpr std::array<const char*, 44> kPieces = {
      "<div>",     "</div>",    "<p>",        "</p>",        "<b>",        "</b>",
      "<a>",       "</a>",      "<li>",       "</li>",       "<dd>",       "<ul>",
      "</ul>",     "<table>",   "</table>",   "<tr>",        "<td>",       "</td>",
      "<svg>",     "</svg>",    "<path/>",    "<title>",     "</title>",   "<select>",
      "</select>", "<option>",  "<!--",       "-->",         "<script>",   "</script>",
      "<style>",   "</style>",  "<x a=\"",    "\">",         "<form>",     "</form>",
      "<button>",  "</button>", "<textarea>", "</textarea>", "<template>", "</template>",
      "<![CDATA[", "]]>"};
  constexpr size_t kPageBytes = size_t{1} << 18;
  constexpr int kNumPages = 60;
  int num_passed = 0;
  for (int page = 0; page < kNumPages; ++page) {
    Rng rng({17, RngStream::kTest, 0, static_cast<uint64_t>(page), 0});
    std::string part;
    const int64_t num_pieces = rng.Between(2, 7);
    for (int64_t i = 0; i < num_pieces; ++i) part += kPieces[rng.Below(kPieces.size())];
    const std::string html = Repeat(part, static_cast<int>(kPageBytes / part.size()));
    HtmlTree tree;
    if (MayTakeLong(html) || *tree.Parse(html) != '\0') continue;
    ++num_passed;
    EXPECT_LT(tree.Depth(), 5000u) << part;
  }
  EXPECT_GE(num_passed, kNumPages / 10);
}

TEST(HtmlCostTest, DropsThePage) {
  const HtmlText result = ExtractHtmlText("<p " + Numbered("a", " ", 300) + ">text");
  EXPECT_STREQ(result.dropped, "too complex");
  EXPECT_EQ(result.text, "");
}

}  // namespace
}  // namespace agon::datasets
