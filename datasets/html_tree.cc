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

enum WayOut { kTooMuch = 1, kTooBroken };  // of the parser, what setjmp says of it

// While this thread parses: where it goes on if an assertion of gumbo's fails.
thread_local std::jmp_buf* out_of_parser = nullptr;

}  // namespace

// Takes the place of the C library's. Gumbo asserts what hostile pages break (an HTML element's
// name inside SVG empties its stack of open elements): the page is refused, as for its memory.
extern "C" [[noreturn]] void __assert_fail(const char* assertion, const char* file,
                                           unsigned int line, const char* function) noexcept {
  if (out_of_parser != nullptr) std::longjmp(*out_of_parser, kTooBroken);
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

  std::jmp_buf way_out;

 private:
  void* Allocate(size_t bytes) {
    constexpr size_t kBlock = size_t{1} << 18, kAlign = alignof(std::max_align_t);
    bytes = (std::max<size_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
    if (bytes > free_) {
      const size_t block = std::max(bytes, kBlock);
      if (block > limit_ - used_) std::longjmp(way_out, kTooMuch);
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
  out_of_parser = &arena_->way_out;
  const char* failure = "";
  switch (setjmp(arena_->way_out)) {
    case kTooMuch:
      failure = "too complex";
      break;
    case kTooBroken:
      failure = "too broken";
      break;
    default:
      root_ = gumbo_parse_with_options(&options, html.data(), html.size())->root;
  }
  out_of_parser = nullptr;
  return failure;
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
