// Arrays in the backend's memory that the host reads or writes, too. Private to policy.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "policy/backend.h"

namespace agon::policy {

// fp32 numbers where the backend computes, and the host's view of them: the array itself on a
// CPU, else a copy that is fetched when it is asked for.
class DeviceFloats {
 public:
  // Zeros, whose memory is taken when they are first asked for. Keeps a reference to the backend.
  DeviceFloats(Backend& backend, std::string purpose, int64_t count);

  float* data() { return Memory(); }  // the backend's; call Changed() after ops wrote to it
  const float* data() const { return Memory(); }
  int64_t size() const { return count_; }

  // Valid until Changed(). What is written to it counts once WriteBack() was called.
  std::span<float> Host() const;
  // The same for who overwrites what matters: on a GPU it isn't fetched, but holds zeros or what
  // was fetched last.
  std::span<float> HostToFill();
  void WriteBack();
  // Ops wrote to data(): the host's view is out of date.
  void Changed() { is_fetched_ = false; }
  void Zero();
  // Gives up the host's copy.
  void ReleaseHost() const;

  MemoryUse Use() const { return memory_->Use(); }

 private:
  float* Memory() const;
  size_t bytes() const { return static_cast<size_t>(count_) * sizeof(float); }

  Backend& backend_;
  std::unique_ptr<DeviceMemory> memory_;
  int64_t count_;
  mutable float* data_ = nullptr;
  mutable std::vector<float> host_;
  mutable bool is_fetched_ = false;
};

// Arrays of indexes that go to the backend in one piece.
class Indexes {
 public:
  Indexes(Backend& backend, std::string purpose)
      : backend_(backend), memory_(backend.NewMemory(std::move(purpose))) {}

  // Takes memory for that many numbers.
  void Reserve(size_t count) { memory_->Get(count * sizeof(int32_t)); }
  // Takes the place of what was sent before.
  void Send(std::initializer_list<std::span<const int32_t>> arrays);
  // Array number i, in the backend's memory.
  const int32_t* operator[](size_t i) const { return data_ + begins_[i]; }
  MemoryUse Use() const { return memory_->Use(); }

 private:
  Backend& backend_;
  std::unique_ptr<DeviceMemory> memory_;
  std::vector<int32_t> staged_;
  std::vector<size_t> begins_;
  const int32_t* data_ = nullptr;
};

}  // namespace agon::policy
