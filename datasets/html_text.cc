#include "datasets/html_text.h"

#include <gumbo.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/ascii.h"
#include "datasets/clean.h"
#include "datasets/html_tree.h"

namespace agon::datasets {
namespace {

std::string_view Attribute(const GumboNode& node, const char* name) {
  const GumboAttribute* attribute = gumbo_get_attribute(&node.v.element.attributes, name);
  return attribute == nullptr ? std::string_view() : std::string_view(attribute->value);
}

bool IsElement(const GumboNode& node) {
  return node.type == GUMBO_NODE_ELEMENT || node.type == GUMBO_NODE_TEMPLATE;
}

bool IsLeftOut(const GumboNode& node) {
  switch (node.v.element.tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_MATH:
      return true;
    default:
      break;
  }
  const std::string_view role = Attribute(node, "role");
  if (role == "navigation" || role == "search" || role == "banner" || role == "contentinfo") {
    return true;
  }
  const std::string_view classes = Attribute(node, "class");
  for (const char* name : {"sidebar", "headerlink", "navbar", "breadcrumb", "toctree-wrapper"}) {
    if (classes.find(name) != classes.npos) return true;
  }
  return classes == "related" || classes == "footer";
}

bool IsBlock(GumboTag tag) {
  constexpr std::array kBlocks = {
      GUMBO_TAG_P,       GUMBO_TAG_DIV,        GUMBO_TAG_SECTION, GUMBO_TAG_ARTICLE,
      GUMBO_TAG_MAIN,    GUMBO_TAG_H1,         GUMBO_TAG_H2,      GUMBO_TAG_H3,
      GUMBO_TAG_H4,      GUMBO_TAG_H5,         GUMBO_TAG_H6,      GUMBO_TAG_UL,
      GUMBO_TAG_OL,      GUMBO_TAG_DL,         GUMBO_TAG_DT,      GUMBO_TAG_PRE,
      GUMBO_TAG_TABLE,   GUMBO_TAG_BLOCKQUOTE, GUMBO_TAG_FIGURE,  GUMBO_TAG_FIGCAPTION,
      GUMBO_TAG_ADDRESS, GUMBO_TAG_CAPTION,    GUMBO_TAG_BODY,    GUMBO_TAG_HR,
      GUMBO_TAG_DD};
  return std::find(kBlocks.begin(), kBlocks.end(), tag) != kBlocks.end();
}

// Text with pending breaks: only the largest break between two pieces of text is written.
class Writer {
 public:
  // Between a prefix and its text there is none.
  void Break(int newlines) {
    if (prefix_.empty()) newlines_ = std::max(newlines_, newlines);
  }
  void Space() { has_space_ = true; }
  // Put before the next text, on its line ("- ", " | ").
  void Prefix(std::string_view prefix) { prefix_ = prefix; }

  void Text(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      if (IsAsciiSpace(text[i])) {
        has_space_ = true;
        ++i;
        continue;
      }
      size_t end = i;
      while (end < text.size() && !IsAsciiSpace(text[end])) ++end;
      Put(text.substr(i, end - i));
      i = end;
    }
  }

  void Preformatted(std::string_view text) {
    if (!text.empty()) Put(text);
  }

  std::string Take() { return std::move(out_); }

 private:
  void Put(std::string_view piece) {
    if (newlines_ > 0 && !out_.empty()) {
      while (!out_.empty() && out_.back() == '\n') out_.pop_back();
      out_.append(static_cast<size_t>(newlines_), '\n');
    } else if (has_space_ && !out_.empty() && prefix_.empty()) {
      out_ += ' ';
    }
    out_ += prefix_;
    out_ += piece;
    newlines_ = 0;
    has_space_ = false;
    prefix_ = {};
  }

  std::string out_;
  std::string_view prefix_;
  int newlines_ = 0;
  bool has_space_ = false;
};

// Calls `enter(node)` and `leave(node)` for the elements and texts below `root`; what
// `enter` refuses isn't looked into, nor left.
template <typename Enter, typename Leave>
void Walk(const GumboNode& root, Enter enter, Leave leave) {
  struct Place {
    const GumboNode* node;
    unsigned child;
  };
  std::vector<Place> path;
  if (enter(root)) path.push_back({&root, 0});
  while (!path.empty()) {
    Place& place = path.back();
    const bool has_children = IsElement(*place.node);
    if (has_children && place.child < place.node->v.element.children.length) {
      const auto* next =
          static_cast<const GumboNode*>(place.node->v.element.children.data[place.child++]);
      if (enter(*next)) path.push_back({next, 0});
    } else {
      leave(*place.node);
      path.pop_back();
    }
  }
}

const GumboNode* FindMain(const GumboNode& root) {
  const GumboNode* main = nullptr;
  Walk(
      root,
      [&](const GumboNode& node) {
        if (main != nullptr || !IsElement(node)) return false;
        if (node.v.element.tag == GUMBO_TAG_MAIN || Attribute(node, "role") == "main") main = &node;
        return main == nullptr;
      },
      [](const GumboNode&) {});
  return main;
}

class Extractor {
 public:
  bool Enter(const GumboNode& node) {
    if (!IsElement(node)) {
      EnterText(node);
      return false;
    }
    if (IsLeftOut(node)) return false;
    const GumboTag tag = node.v.element.tag;
    if (tag == GUMBO_TAG_BR) Break(1);
    if (IsBlock(tag)) Break(tag == GUMBO_TAG_DD ? 1 : 2);
    if (tag == GUMBO_TAG_PRE) ++preformatted_;
    if (tag == GUMBO_TAG_LI) {
      Break(1);
      if (cells_ == 0) writer_.Prefix("- ");
    }
    if (tag == GUMBO_TAG_TR) {
      Break(1);
      is_first_cell_ = true;
    }
    if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH) EnterCell();
    return true;
  }

  void Leave(const GumboNode& node) {
    const GumboTag tag = node.v.element.tag;
    if (tag == GUMBO_TAG_PRE) --preformatted_;
    if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH) --cells_;
    if (IsBlock(tag)) Break(tag == GUMBO_TAG_DT ? 1 : 2);
    if (tag == GUMBO_TAG_LI || tag == GUMBO_TAG_TR) Break(1);
  }

  std::string Take() { return writer_.Take(); }

 private:
  // A row of a table stays on one line.
  void Break(int newlines) {
    if (cells_ > 0) {
      writer_.Space();
    } else {
      writer_.Break(newlines);
    }
  }

  void EnterText(const GumboNode& node) {
    if (node.type != GUMBO_NODE_TEXT && node.type != GUMBO_NODE_WHITESPACE &&
        node.type != GUMBO_NODE_CDATA) {
      return;
    }
    if (preformatted_ > 0) {
      writer_.Preformatted(node.v.text.text);
    } else {
      writer_.Text(node.v.text.text);
    }
  }

  void EnterCell() {
    ++cells_;
    if (!is_first_cell_) writer_.Prefix(" | ");
    is_first_cell_ = false;
  }

  Writer writer_;
  int preformatted_ = 0, cells_ = 0;
  bool is_first_cell_ = true;
};

}  // namespace

HtmlText ExtractHtmlText(std::string_view html) {
  HtmlTree tree;
  const char* dropped = tree.Parse(html);
  if (*dropped != '\0') return {"", dropped};
  const GumboNode* main = FindMain(*tree.root());
  Extractor extractor;
  Walk(
      main == nullptr ? *tree.root() : *main,
      [&](const GumboNode& node) { return extractor.Enter(node); },
      [&](const GumboNode& node) { extractor.Leave(node); });
  // The parser turns references to impossible characters (&#99999999999;) into stray bytes.
  return {ReplaceInvalidUtf8(extractor.Take()), ""};
}

}  // namespace agon::datasets
