#include "datasets/html_nesting.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/ascii.h"

namespace agon::datasets {
namespace {

constexpr size_t kMaxDepth = 512, kMaxMisplaced = 2048;

template <size_t N>
bool IsOneOf(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Elements without content, and those that a parser opens at most once.
constexpr std::array<std::string_view, 18> kEmpty = {
    "area", "base",  "br",     "col",   "embed", "hr",   "img",  "input", "link",
    "meta", "param", "source", "track", "wbr",   "html", "body", "head",  "frameset"};
// Elements that the next of their kind ends.
constexpr std::array<std::string_view, 11> kFlat = {
    "p", "li", "dd", "dt", "option", "colgroup", "tbody", "tfoot", "thead", "tr", "td"};
// Elements whose content is text up to their end tag.
constexpr std::array<std::string_view, 8> kRawText = {"script", "style",  "textarea", "title",
                                                      "xmp",    "iframe", "noembed",  "noframes"};
// Elements whose end tag also ends what is open inside.
constexpr std::array<std::string_view, 40> kBlocks = {
    "address", "article", "aside", "blockquote", "button",   "caption",    "center", "details",
    "dialog",  "dir",     "div",   "dl",         "fieldset", "figcaption", "figure", "footer",
    "h1",      "h2",      "h3",    "h4",         "h5",       "h6",         "header", "hgroup",
    "listing", "main",    "menu",  "nav",        "object",   "ol",         "pre",    "section",
    "select",  "summary", "table", "template",   "ul",       "svg",        "math",   "marquee"};
// Elements that an end tag from inside doesn't reach across.
constexpr std::array<std::string_view, 7> kWalls = {"table",   "template", "object", "caption",
                                                    "marquee", "svg",      "math"};

struct Tag {
  std::string name;
  bool is_end = false, closes_itself = false;
};

// Walks over the tags of a page as a tokenizer does: not those in comments or in scripts.
class TagReader {
 public:
  explicit TagReader(std::string_view html) : html_(html) {}

  // False at the end of the page.
  bool Next(Tag& tag) {
    while (at_ < html_.size()) {
      at_ = std::min(html_.find('<', at_), html_.size());
      const std::string_view rest = html_.substr(at_);
      if (rest.size() < 2) return false;
      const size_t begin = rest[1] == '/' ? 2 : 1;
      if (rest.starts_with("<!--")) {
        SkipBehind("-->", at_ + 2);
      } else if (begin < rest.size() && IsAsciiLetter(rest[begin])) {
        tag.is_end = begin == 2;
        ReadTag(at_ + begin, tag);
        return true;
      } else if (rest[1] == '!' || rest[1] == '?' || rest[1] == '/') {
        SkipBehind(">", at_ + 1);
      } else {
        ++at_;
      }
    }
    return false;
  }

 private:
  void SkipBehind(std::string_view mark, size_t from) {
    const size_t found = html_.find(mark, from);
    at_ = found == html_.npos ? html_.size() : found + mark.size();
  }

  void ReadTag(size_t i, Tag& tag) {
    tag.name.clear();
    for (; i < html_.size() && !IsAsciiSpace(html_[i]) && html_[i] != '/' && html_[i] != '>'; ++i) {
      if (tag.name.size() < 16) tag.name += AsciiLower(html_[i]);  // longer than all we know
    }
    bool is_quote_over = true, is_value = false;
    char last = ' ';
    for (; i < html_.size() && html_[i] != '>'; ++i) {
      const char c = html_[i];
      if (IsAsciiSpace(c)) continue;
      if ((c == '"' || c == '\'') && is_value && last == '=') {
        i = std::min(html_.find(c, i + 1), html_.size() - 1);
        is_quote_over = true;
        is_value = false;
      } else if (c != '/') {
        is_quote_over = false;
        if (c == '=') is_value = true;
      }
      last = c;
    }
    // Behind a value without quotes the slash belongs to the value.
    tag.closes_itself = last == '/' && (is_quote_over || !is_value);
    at_ = std::min(i + 1, html_.size());
    if (!tag.is_end && IsOneOf(tag.name, kRawText)) SkipRawText(tag.name);
  }

  void SkipRawText(std::string_view name) {
    for (; at_ < html_.size(); ++at_) {
      at_ = std::min(html_.find("</", at_), html_.size());
      size_t k = 0;
      while (k < name.size() && at_ + 2 + k < html_.size() &&
             AsciiLower(html_[at_ + 2 + k]) == name[k]) {
        ++k;
      }
      if (k == name.size()) return;
    }
  }

  std::string_view html_;
  size_t at_ = 0;
};

class OpenElements {
 public:
  // False once there are too many.
  bool Add(const Tag& tag) {
    if (IsOneOf(tag.name, kRawText)) return true;
    if (foreign_ == 0 && IsOneOf(tag.name, kEmpty)) return true;
    if (foreign_ == 0 && (IsOneOf(tag.name, kFlat) || tag.name == "th")) {
      if (!open_.empty()) open_.back().has_flat = !tag.is_end;
      return true;
    }
    if (tag.is_end) {
      Close(tag.name);
    } else if (foreign_ == 0 || !tag.closes_itself) {
      if (tag.name == "svg" || tag.name == "math") ++foreign_;
      open_.push_back({tag.name, false});
    }
    return open_.size() <= kMaxDepth && misplaced_ <= kMaxMisplaced;
  }

 private:
  struct Element {
    std::string name;
    bool has_flat;  // a <p> or the like is open in it
  };

  void Close(const std::string& name) {
    if (open_.empty()) return;
    const bool is_block = foreign_ > 0 || IsOneOf(name, kBlocks);
    if (open_.back().name == name) {
      if (!is_block && open_.back().has_flat) ++misplaced_;
      return Pop();
    }
    size_t depth = open_.size();
    while (depth > 0 && open_[depth - 1].name != name) {
      --depth;
      if (IsOneOf(open_[depth].name, kWalls)) return;
    }
    if (depth == 0) return;
    if (is_block) {
      while (open_.size() >= depth) Pop();
    } else {
      ++misplaced_;
    }
  }

  void Pop() {
    const std::string& name = open_.back().name;
    if (name == "svg" || name == "math") --foreign_;
    open_.pop_back();
  }

  std::vector<Element> open_;
  size_t misplaced_ = 0;
  int foreign_ = 0;  // <svg> and <math> that are open
};

}  // namespace

bool NestsTooDeep(std::string_view html) {
  TagReader reader(html);
  OpenElements open;
  for (Tag tag; reader.Next(tag);) {
    if (!open.Add(tag)) return true;
  }
  return false;
}

}  // namespace agon::datasets
