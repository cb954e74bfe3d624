// What is known of one element of shared memory: who wrote and who read it, and when.
//
// CUDA orders two threads' accesses only by a barrier between them, or a __syncwarp if they
// are of one warp. Two accesses without that, one of them a write, are a race, whatever
// order the fibers happened to run in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cuda_emulator {

// When memory was touched: `phase` counts the barriers that this OS thread has seen, in all
// its blocks, `step` the __syncwarps of the toucher's warp.
struct Moment {
  uint32_t phase, step;
};

// Zero bytes are the record of an element that nobody touched.
class SharedAccess {
 public:
  // Each throws Fault if the access is wrong, `what` naming the element.
  void Read(const char* what, int64_t element);
  void Write(const char* what, int64_t element);
  // A write that is under way from one call to the other: nobody may touch the element.
  void BeginCopy(const char* what, int64_t element);
  void EndCopy();

 private:
  // Readers of one phase: none, one thread, several of one warp, of several warps.
  static constexpr int32_t kWarp = 1 << 12, kAnyone = 1 << 13;
  // Of a writer: its copy is under way.
  static constexpr int32_t kCopies = 1 << 14;

  void CheckNotCopied(const char* does, const char* what, int64_t element) const;
  bool Before(int32_t toucher, const Moment& moment) const;

  Moment written_, read_;
  int32_t writer_, reader_;
};

// A thread's copy of `count` elements to shared memory, `bytes` in all, that is under way.
struct SharedCopy {
  void* to;
  const void* from;  // null: zeros
  size_t bytes;
  SharedAccess* access;  // of the first element, `records` on that of the next
  int count;
  int64_t records, first_element;

  void Begin() const;
  void Deliver() const;
};

}  // namespace cuda_emulator
