#include "policy/device_array.h"

namespace agon::policy {

DeviceFloats::DeviceFloats(Backend& backend, std::string purpose, int64_t count)
    : backend_(backend), memory_(backend.NewMemory(std::move(purpose))), count_(count) {}

float* DeviceFloats::Memory() const {
  if (!data_) data_ = reinterpret_cast<float*>(memory_->Get(bytes()));
  return data_;
}

std::span<float> DeviceFloats::Host() const {
  const auto count = static_cast<size_t>(count_);
  if (backend_.SharesHostMemory()) return {Memory(), count};
  if (!is_fetched_) {
    host_.resize(count);
    backend_.Download(host_.data(), Memory(), bytes());
    is_fetched_ = true;
  }
  return host_;
}

std::span<float> DeviceFloats::HostToFill() {
  if (backend_.SharesHostMemory()) return Host();
  host_.resize(static_cast<size_t>(count_));
  is_fetched_ = true;
  return host_;
}

void DeviceFloats::WriteBack() {
  if (is_fetched_) backend_.Upload(Memory(), host_.data(), bytes());
}

void DeviceFloats::Zero() {
  if (data_) backend_.Zero(data_, bytes());
  Changed();
}

void DeviceFloats::ReleaseHost() const {
  is_fetched_ = false;
  host_ = {};
}

void Indexes::Send(std::initializer_list<std::span<const int32_t>> arrays) {
  staged_.clear();
  begins_.clear();
  for (const auto& array : arrays) {
    begins_.push_back(staged_.size());
    staged_.insert(staged_.end(), array.begin(), array.end());
  }
  const size_t bytes = staged_.size() * sizeof(int32_t);
  char* data = memory_->Get(bytes);
  backend_.Upload(data, staged_.data(), bytes);
  data_ = reinterpret_cast<const int32_t*>(data);
}

}  // namespace agon::policy
