#include "datasets/html_cost.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "core/ascii.h"

namespace agon::datasets {
namespace {

constexpr size_t kMaxAttributes = 256, kMaxRoots = 16;
// Open elements times bytes: a second or so of parsing, and what pages of this depth may take.
constexpr size_t kBaseCost = size_t{1} << 30, kMeanDepth = 128;
constexpr std::string_view kComment = "!--";

// Elements that have no content, or that can't stand in one another without another element
// that counts: they add no depth.
constexpr std::array<std::string_view, 22> kWithoutDepth = {
    "area",  "base",   "br", "col",   "colgroup", "embed", "hr", "img",   "input", "link",  "meta",
    "param", "source", "p",  "tbody", "td",       "tfoot", "th", "thead", "tr",    "track", "wbr"};

// Elements that the end of the element around them ends too, unless that is a formatting
// element: then the parser keeps the inner one ("adoption agency").
constexpr std::array<std::string_view, 7> kEndsImplied = {"li",       "dd", "dt", "option",
                                                          "optgroup", "rp", "rt"};
constexpr std::array<std::string_view, 14> kFormatting = {
    "a",    "b", "big",   "code",   "em",     "font", "i",
    "nobr", "s", "small", "strike", "strong", "tt",   "u"};

// What may hold a tag that the parser reads as text or ignores.
constexpr std::array<std::string_view, 15> kOpaque = {
    kComment,   "title",    "textarea", "xmp",    "iframe", "noembed", "noframes", "plaintext",
    "noscript", "frameset", "select",   "script", "style",  "svg",     "math"};

// Shapes: elements of SVG that "/>" ends and that never lead back to HTML.
constexpr std::array<std::string_view, 16> kShapes = {
    "svg",      "g",     "path",    "circle",  "rect", "line",           "polyline",
    "use",      "defs",  "polygon", "ellipse", "stop", "lineargradient", "radialgradient",
    "clippath", "symbol"};

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return AsciiLower(x) == AsciiLower(y); });
}

bool IsAnyOf(std::string_view name, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view other) { return SameName(name, other); });
}

// Whether a start tag ends an element of its kind before it.
bool EndsPrevious(std::string_view name, std::string_view previous) {
  const auto is_description = [](std::string_view n) {
    return SameName(n, "dd") || SameName(n, "dt");
  };
  return (is_description(name) && is_description(previous)) ||
         (SameName(name, previous) && (SameName(name, "li") || SameName(name, "option")));
}

struct TagSpan {
  std::string_view name;
  size_t end = 0;  // behind its '>'
  size_t num_attributes = 0;
  bool is_self_closing = false;
};

// The tag whose name starts at `i`, read as the standard's tokenizer does (HTML, 13.2.5).
TagSpan ReadTag(std::string_view html, size_t i) {
  const auto skip_to = [&](auto stops) {
    while (i < html.size() && !stops(html[i])) ++i;
  };
  const auto ends_name = [](char c) { return IsAsciiSpace(c) || c == '/' || c == '>'; };
  const auto no_space = [](char c) { return !IsAsciiSpace(c); };
  const size_t begin = i;
  skip_to(ends_name);
  TagSpan tag{html.substr(begin, i - begin)};
  while (i < html.size() && html[i] != '>') {
    if (IsAsciiSpace(html[i]) || html[i] == '/') {
      tag.is_self_closing = html[i++] == '/';
      continue;
    }
    tag.is_self_closing = false;
    if (++tag.num_attributes > kMaxAttributes) break;
    ++i;  // a name may start with "="
    skip_to([&](char c) { return ends_name(c) || c == '='; });
    const size_t name_end = i;
    skip_to(no_space);
    if (i >= html.size() || html[i] != '=') {
      i = name_end;
      continue;
    }
    ++i;
    skip_to(no_space);
    if (i >= html.size()) break;
    if (const char quote = html[i]; quote == '"' || quote == '\'') {
      i = std::min(html.find(quote, i + 1), html.size() - 1) + 1;
    } else {
      skip_to([](char c) { return IsAsciiSpace(c) || c == '>'; });
    }
  }
  tag.end = std::min(i + 1, html.size());
  return tag;
}

class CostScan {
 public:
  explicit CostScan(std::string_view html) : html_(html) {}

  // False if the page may take long.
  bool Run() {
    const size_t max_cost = kBaseCost + kMeanDepth * html_.size();
    const size_t max_work = 16 * html_.size() + (size_t{1} << 20);
    size_t cost = 0;
    for (size_t i = 0; i < html_.size();) {
      const size_t next = std::min(html_.find_first_of("<>", i), html_.size());
      cost += open_.size() * (next - i + 1);
      next_ = next + 1;
      if (next < html_.size() && html_[next] == '>') EndComment(next);
      if (next < html_.size() && html_[next] == '<' && !ReadMarkup(next)) return false;
      if (cost > max_cost || work_ > max_work) return false;
      i = next_;
    }
    return true;
  }

 private:
  bool Follows(size_t i, std::string_view text) const {
    return html_.substr(std::min(i, html_.size())).starts_with(text);
  }

  // End tags before `end` may be no tags.
  void IgnoreEndsBefore(size_t begin, size_t end) {
    end = std::min(end, html_.size());
    work_ += end - begin;
    ends_count_from_ = std::max(ends_count_from_, end);
  }

  // What a "<" starts. False if it is a tag that no page needs.
  bool ReadMarkup(size_t i) {
    const bool is_end = Follows(i + 1, "/");
    const size_t name = i + (is_end ? 2 : 1);
    if (Follows(i, "<!--")) {
      next_ = i + 4;
      if (!Follows(next_, ">") && !Follows(next_, "->")) Open(kComment);
      return true;
    }
    if (name >= html_.size() || !IsAsciiLetter(html_[name])) {
      if (is_end || Follows(name, "!") || Follows(name, "?")) {  // a comment without dashes
        IgnoreEndsBefore(i, html_.find('>', i));
      }
      if (Follows(i, "<![CDATA[")) IgnoreEndsBefore(i, html_.find("]]>", i));
      return true;
    }
    const bool is_certain = i >= ends_count_from_;
    const TagSpan tag = ReadTag(html_, name);
    IgnoreEndsBefore(i, tag.end);
    if (tag.num_attributes > kMaxAttributes) return false;
    if (is_end) {
      if (is_certain) End(tag.name);
      return true;
    }
    // A second <html> or <body> adds its attributes to the first.
    if ((SameName(tag.name, "html") || SameName(tag.name, "body")) && ++num_roots_ > kMaxRoots) {
      return false;
    }
    Start(tag, is_certain);
    return true;
  }

  void Start(const TagSpan& tag, bool is_certain) {
    if (is_certain && num_opaque_ == 0 && SkipRawText(tag)) return;
    if (SameName(tag.name, "svg") || SameName(tag.name, "math")) {
      trusts_shapes_ = trusts_shapes_ && is_certain;
      ++num_foreign_;
    } else if (num_foreign_ == 0 && IsAnyOf(tag.name, kWithoutDepth)) {
      return;
    }
    if (num_foreign_ > 0) {
      trusts_shapes_ = trusts_shapes_ && IsAnyOf(tag.name, kShapes);
      if (trusts_shapes_ && tag.is_self_closing) {
        num_foreign_ -= SameName(tag.name, "svg") ? 1 : 0;
        return;
      }
    }
    if (num_foreign_ == 0 && !open_.empty() && EndsPrevious(tag.name, open_.back())) {
      open_.back() = tag.name;
    } else {
      Open(tag.name);
    }
  }

  // Goes behind the text of a script or style, unless the parser might see its end elsewhere.
  bool SkipRawText(const TagSpan& tag) {
    if (!SameName(tag.name, "script") && !SameName(tag.name, "style")) return false;
    for (size_t i = html_.find('<', tag.end); i != html_.npos; i = html_.find('<', i + 1)) {
      if (Follows(i, "<!--")) return false;
      if (!Follows(i, "</") || !SameName(html_.substr(i + 2, tag.name.size()), tag.name)) continue;
      const size_t end = i + 2 + tag.name.size();
      if (end >= html_.size() ||
          !(IsAsciiSpace(html_[end]) || html_[end] == '/' || html_[end] == '>')) {
        continue;
      }
      work_ += i - tag.end;
      next_ = ReadTag(html_, i + 2).end;
      return true;
    }
    work_ += html_.size() - tag.end;
    return false;
  }

  void Open(std::string_view name) {
    open_.push_back(name);
    if (IsAnyOf(name, kOpaque)) ++num_opaque_;
  }

  void End(std::string_view name) {
    if (num_foreign_ == 0 && IsAnyOf(name, kWithoutDepth)) return;
    size_t place = open_.size();
    if (num_foreign_ == 0 && !IsAnyOf(name, kFormatting)) {
      while (place > 0 && !SameName(open_[place - 1], name) &&
             IsAnyOf(open_[place - 1], kEndsImplied)) {
        --place;
      }
    }
    work_ += open_.size() - place;
    if (place == 0 || !SameName(open_[place - 1], name)) {
      if (num_foreign_ > 0) trusts_shapes_ = false;
      return;
    }
    if (IsAnyOf(name, kOpaque)) --num_opaque_;
    if (SameName(name, "svg") || SameName(name, "math")) --num_foreign_;
    open_.resize(place - 1);
  }

  void EndComment(size_t i) {
    if (i >= ends_count_from_ && i >= 2 && html_[i - 1] == '-' && html_[i - 2] == '-') {
      End(kComment);
    }
  }

  std::string_view html_;
  size_t next_ = 0, work_ = 0, num_roots_ = 0;
  size_t ends_count_from_ = 0;
  std::vector<std::string_view> open_;  // the innermost last
  int num_opaque_ = 0, num_foreign_ = 0;
  bool trusts_shapes_ = true;  // false once tags in an <svg> may be HTML's
};

}  // namespace

bool MayTakeLong(std::string_view html) { return !CostScan(html).Run(); }

}  // namespace agon::datasets
