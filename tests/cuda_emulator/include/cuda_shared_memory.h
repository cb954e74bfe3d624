// Shared memory under watch: stands in for the plain types of policy/cuda/shared_memory.h.
//
// Every access checks the bounds, that the block wrote the element before it reads it, and
// that a barrier lies between the accesses of different threads. An element's record lives
// beside it, so nothing has to be cleared between blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/cuda_emulator/block.h"
#include "tests/cuda_emulator/shared_access.h"

namespace cuda_emulator {

// What indexing yields. Kernels name the type they read ("float x = a[i]").
template <typename T>
class SharedReference {
 public:
  SharedReference(T* value, SharedAccess* access, const char* what, int64_t element)
      : value_(value), access_(access), what_(what), element_(element) {}
  SharedReference(const SharedReference&) = default;

  operator T() const {
    access_->Read(what_, element_);
    return *value_;
  }
  const SharedReference& operator=(T value) const {
    access_->Write(what_, element_);
    *value_ = value;
    return *this;
  }
  const SharedReference& operator=(const SharedReference& other) const {
    return *this = static_cast<T>(other);
  }
  const SharedReference& operator+=(T value) const { return *this = static_cast<T>(*this) + value; }

 private:
  T* value_;
  SharedAccess* access_;
  const char* what_;
  int64_t element_;
};

inline void CheckSharedIndex(const char* what, int64_t i, int64_t count) {
  if (i >= 0 && i < count) return;
  Block::Current().Fail("is out of bounds of shared memory: " + std::string(what) + " element " +
                        std::to_string(i) + " of " + std::to_string(count));
}

}  // namespace cuda_emulator

template <typename T, int kCount>
class SharedArray {
 public:
  cuda_emulator::SharedReference<T> operator[](int64_t i) {
    cuda_emulator::CheckSharedIndex("SharedArray", i, kCount);
    Announce();
    return {&values_[i], &access_[i], "SharedArray", i};
  }

 private:
  // The block's first touch counts the array against the limit.
  void Announce() {
    auto& block = cuda_emulator::Block::Current();
    if (announced_ == block.first_phase()) return;
    announced_ = block.first_phase();
    block.AddStaticBytes(sizeof values_);
  }

  T values_[kCount];
  cuda_emulator::SharedAccess access_[kCount];
  uint32_t announced_;
};

// `count` elements at `offset_bytes` of the launch's dynamic shared memory.
template <typename T>
class DynamicShared {
  static_assert(sizeof(T) % 2 == 0, "records are kept for every two bytes");

 public:
  DynamicShared(int64_t offset_bytes, int64_t count) : count_(count) {
    auto& block = cuda_emulator::Block::Current();
    const auto end = static_cast<uint64_t>(offset_bytes) + static_cast<uint64_t>(count) * sizeof(T);
    if (offset_bytes < 0 || offset_bytes % static_cast<int64_t>(alignof(T)) != 0 ||
        end > block.grid().dynamic_bytes) {
      block.Fail("takes bytes " + std::to_string(offset_bytes) + " to " + std::to_string(end) +
                 " of " + std::to_string(block.grid().dynamic_bytes) +
                 " bytes of dynamic shared memory");
    }
    values_ = reinterpret_cast<T*>(block.dynamic_memory() + offset_bytes);
    access_ = block.dynamic_access() + offset_bytes / 2;
  }

  cuda_emulator::SharedReference<T> operator[](int64_t i) const {
    cuda_emulator::CheckSharedIndex("DynamicShared", i, count_);
    return {values_ + i, access_ + i * static_cast<int64_t>(sizeof(T) / 2), "DynamicShared", i};
  }

  // Begins to copy `count` elements, zeros if `from` is null. They come when the thread waits.
  void BeginCopy(int64_t i, int count, const T* from) const {
    cuda_emulator::CheckSharedIndex("DynamicShared", i, count_);
    cuda_emulator::CheckSharedIndex("DynamicShared", i + count - 1, count_);
    constexpr auto kRecords = static_cast<int64_t>(sizeof(T) / 2);  // for each element
    cuda_emulator::Block::Current().BeginCopy({values_ + i, from,
                                               static_cast<size_t>(count) * sizeof(T),
                                               access_ + i * kRecords, count, kRecords, i});
  }

  // Faults where a transaction of 16 bytes can't begin.
  void CheckAligned(int64_t i) const { cuda_emulator::CheckAligned<16>(values_ + i); }

 private:
  T* values_;
  cuda_emulator::SharedAccess* access_;
  int64_t count_;
};
