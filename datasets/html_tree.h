// An HTML page as gumbo's tree, in memory that is bounded and freed at once.
//
// Private to datasets/html*.cc: gumbo's own destructor recurses as deep as the page nests,
// and a page of misnested tags may take memory quadratic in its size.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

struct GumboInternalNode;  // gumbo's GumboNode

namespace agon::datasets {

class HtmlTree {
 public:
  HtmlTree() = default;
  HtmlTree(const HtmlTree&) = delete;
  HtmlTree& operator=(const HtmlTree&) = delete;

  // "" or the reason why there is no tree. `html` must outlive the tree.
  const char* Parse(std::string_view html);
  const GumboInternalNode* root() const { return root_; }
  // Elements and text one inside another at the deepest place. REQUIRES: parsed.
  size_t Depth() const;

 private:
  class Arena;
  std::shared_ptr<Arena> arena_;
  const GumboInternalNode* root_ = nullptr;
};

}  // namespace agon::datasets
