#include "datasets/html_tree.h"

#include <gumbo.h>

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "datasets/html_cost.h"
#include "datasets/html_nesting.h"

namespace {

// Where an assertion that fails in gumbo goes, while this thread parses.
thread_local std::jmp_buf* broken_assertion = nullptr;

}  // namespace

// Takes the place of the C library's. Gumbo asserts what hostile pages break (an HTML element's
// name inside SVG empties its stack of open elements): the page is refused, as for its memory.
extern "C" [[noreturn]] void __assert_fail(const char* assertion, const char* file,
                                           unsigned int line, const char* function) noexcept {
  if (broken_assertion != nullptr) std::longjmp(*broken_assertion, 1);
  std::fprintf(stderr, "%s:%u: %s: assertion failed: %s\n", file, line, function, assertion);
  std::abort();
}

namespace agon::datasets {
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
  if (MayTakeLong(html)) return "too complex";
  constexpr size_t kBytesPerByte = 48, kBase = size_t{8} << 20;
  arena_ = std::make_shared<Arena>(kBase + kBytesPerByte * html.size());
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = &Arena::Allocate;
  options.deallocator = &Arena::Free;
  options.userdata = arena_.get();
  options.max_errors = 0;
  std::jmp_buf asserted;
  if (setjmp(arena_->too_much) != 0) {
    broken_assertion = nullptr;
    return "too complex";
  }
  if (setjmp(asserted) != 0) {
    broken_assertion = nullptr;
    return "too broken";
  }
  broken_assertion = &asserted;
  root_ = gumbo_parse_with_options(&options, html.data(), html.size())->root;
  broken_assertion = nullptr;
  return "";
}

size_t HtmlTree::Depth() const {
  std::vector<std::pair<const GumboNode*, size_t>> left = {{root_, 1}};
  size_t most = 0;
  while (!left.empty()) {
    const auto [node, depth] = left.back();
    left.pop_back();
    most = std::max(most, depth);
    if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE) continue;
    const GumboVector& children = node->v.element.children;
    for (unsigned i = 0; i < children.length; ++i) {
      left.emplace_back(static_cast<const GumboNode*>(children.data[i]), depth + 1);
    }
  }
  return most;
}

}  // namespace agon::datasets
