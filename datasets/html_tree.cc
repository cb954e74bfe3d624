#include "datasets/html_tree.h"

#include <gumbo.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace agon::datasets {
namespace {

constexpr int kMaxDepth = 512;

// Elements that have no content, or that the next of their kind ends: they don't add depth.
constexpr std::array<std::string_view, 29> kFlatElements = {
    "area",   "base",  "br",   "col",   "colgroup", "dd",     "dt", "embed", "hr", "img",
    "input",  "li",    "link", "meta",  "optgroup", "option", "p",  "param", "rp", "rt",
    "source", "tbody", "td",   "tfoot", "th",       "thead",  "tr", "track", "wbr"};

bool IsNameChar(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Whether more than kMaxDepth elements seem to be open somewhere. A scan that knows tags
// only: gumbo's parser takes time proportional to the depth for every tag.
bool NestsTooDeep(std::string_view html) {
  std::map<std::string, int> open;
  int depth = 0;
  for (size_t i = html.find('<'); i != html.npos; i = html.find('<', i + 1)) {
    const bool is_end = i + 1 < html.size() && html[i + 1] == '/';
    std::string name;
    for (size_t k = i + 1 + (is_end ? 1 : 0); k < html.size() && name.size() < 16; ++k) {
      const char c = html[k];
      const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if (!IsNameChar(lower)) break;
      name += lower;
    }
    if (name.empty()) continue;
    if (std::find(kFlatElements.begin(), kFlatElements.end(), name) != kFlatElements.end()) {
      continue;
    }
    int& count = open[name];
    if (!is_end) {
      ++count;
      if (++depth > kMaxDepth) return true;
    } else if (count > 0) {
      --count;
      --depth;
    }
  }
  return false;
}

}  // namespace

// Memory that only grows. Past its limit it leaves the parser by longjmp, which is safe
// because gumbo is C and owns nothing but memory of this arena.
class HtmlTree::Arena {
 public:
  explicit Arena(size_t limit) : limit_(limit) {}

  static void* Allocate(void* arena, size_t bytes) {
    return static_cast<Arena*>(arena)->Allocate(bytes);
  }
  static void Free(void*, void*) {}

  std::jmp_buf too_much;

 private:
  void* Allocate(size_t bytes) {
    constexpr size_t kBlock = size_t{1} << 18, kAlign = alignof(std::max_align_t);
    bytes = (std::max<size_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
    if (bytes > free_) {
      const size_t block = std::max(bytes, kBlock);
      if (block > limit_ - used_) std::longjmp(too_much, 1);
      blocks_.push_back(std::make_unique<std::byte[]>(block));
      used_ += block;
      next_ = blocks_.back().get();
      free_ = block;
    }
    std::byte* result = next_;
    next_ += bytes;
    free_ -= bytes;
    return result;
  }

  size_t limit_, used_ = 0, free_ = 0;
  std::byte* next_ = nullptr;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

const char* HtmlTree::Parse(std::string_view html) {
  if (NestsTooDeep(html)) return "nested too deep";
  constexpr size_t kBytesPerByte = 48, kBase = size_t{8} << 20;
  arena_ = std::make_shared<Arena>(kBase + kBytesPerByte * html.size());
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &Arena::Allocate;
  options.deallocator = &Arena::Free;
  options.userdata = arena_.get();
  options.max_errors = 0;
  if (setjmp(arena_->too_much) != 0) return "too complex";
  root_ = gumbo_parse_with_options(&options, html.data(), html.size())->root;
  return "";
}

}  // namespace agon::datasets
