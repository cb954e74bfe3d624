#include "tests/cuda_emulator/shared_access.h"

#include <cstring>
#include <string>

#include "tests/cuda_emulator/block.h"

namespace cuda_emulator {
namespace {

std::string Name(const char* what, int64_t element) {
  return std::string(what) + " element " + std::to_string(element);
}

}  // namespace

// Is an access of `toucher` at `moment` ordered before what the running thread does now?
bool SharedAccess::Before(int32_t toucher, const Moment& moment) const {
  const Block& block = Block::Current();
  const Moment now = block.now();
  if (moment.phase != now.phase || toucher == block.thread()) return true;
  if (toucher == kAnyone) return false;
  const int warp = toucher & kWarp ? toucher & ~kWarp : toucher / 32;
  return warp == block.thread() / 32 && moment.step < now.step;
}

void SharedAccess::CheckNotCopied(const char* does, const char* what, int64_t element) const {
  const Block& block = Block::Current();
  if (written_.phase < block.first_phase() || (writer_ & kCopies) == 0) return;
  block.Fail(std::string(does) + " " + Name(what, element) + ", which a copy of thread " +
             std::to_string(writer_ & ~kCopies) + " is on its way to");
}

void SharedAccess::BeginCopy(const char* what, int64_t element) {
  Write(what, element);
  writer_ |= kCopies;
}

void SharedAccess::EndCopy() {
  written_ = Block::Current().now();
  writer_ &= ~kCopies;
}

void SharedCopy::Begin() const {
  for (int i = 0; i < count; ++i) {
    access[i * records].BeginCopy("DynamicShared", first_element + i);
  }
}

void SharedCopy::Deliver() const {
  for (int i = 0; i < count; ++i) access[i * records].EndCopy();
  if (from) {
    std::memcpy(to, from, bytes);
  } else {
    std::memset(to, 0, bytes);
  }
}

void SharedAccess::Read(const char* what, int64_t element) {
  const Block& block = Block::Current();
  if (written_.phase < block.first_phase()) {
    block.Fail("reads uninitialised shared memory: " + Name(what, element));
  }
  CheckNotCopied("reads", what, element);
  if (!Before(writer_, written_)) {
    block.Fail("races: reads " + Name(what, element) + ", which thread " + std::to_string(writer_) +
               " writes without a barrier between");
  }
  const Moment now = block.now();
  if (read_.phase != now.phase || Before(reader_, read_)) {
    reader_ = block.thread();
  } else {
    const int32_t warp = kWarp | block.thread() / 32;
    const bool same = reader_ == warp || (reader_ < kWarp && reader_ / 32 == block.thread() / 32);
    reader_ = same ? warp : kAnyone;
  }
  read_ = now;
}

void SharedAccess::Write(const char* what, int64_t element) {
  const Block& block = Block::Current();
  CheckNotCopied("writes", what, element);
  if (written_.phase >= block.first_phase() && !Before(writer_, written_)) {
    block.Fail("races: writes " + Name(what, element) + ", which thread " +
               std::to_string(writer_) + " writes without a barrier between");
  }
  if (read_.phase >= block.first_phase() && !Before(reader_, read_)) {
    block.Fail("races: writes " + Name(what, element) +
               ", which another thread reads without a barrier between");
  }
  written_ = block.now();
  writer_ = block.thread();
}

}  // namespace cuda_emulator
