#include "tests/cuda_emulator/stream.h"

#include <algorithm>

#include "tests/cuda_emulator/device.h"

namespace cuda_emulator {

void Stream::Add(Operation operation) {
  if (capture) {
    capture->operations.push_back(std::move(operation));
    return;
  }
  pending_.push_back(std::move(operation));
  ++num_added_;
}

void Stream::RunUntil(uint64_t count) {
  if (blocking && num_run_ < count) Streams::Instance().DrainDefault(*this);
  while (num_run_ < count) {
    const Operation operation = std::move(pending_.front());
    pending_.pop_front();
    ++num_run_;
    try {
      operation();
    } catch (...) {
      Streams::Instance().Clear();
      throw;
    }
  }
}

void Stream::Clear() {
  num_run_ = num_added_;
  pending_.clear();
  capture.reset();
}

Streams& Streams::Instance() { return OfCurrentGpu<Streams>(); }

Stream* Streams::Create(bool blocking) {
  auto* stream = new Stream;
  stream->blocking = blocking;
  streams_.insert(stream);
  return stream;
}

void Streams::Destroy(Stream* stream) {
  stream->Drain();
  streams_.erase(stream);
  delete stream;
}

void Streams::Add(Stream* stream, Operation operation) {
  if (stream) return stream->Add(std::move(operation));
  default_.Add(std::move(operation));
  DrainBlocking();
  default_.Drain();
}

void Streams::DrainDefault(const Stream& caller) {
  if (&caller != &default_) default_.Drain();
}

void Streams::DrainBlocking() {
  for (Stream* stream : streams_) {
    if (stream->blocking) stream->Drain();
  }
}

void Streams::DrainAll() {
  default_.Drain();
  for (Stream* stream : streams_) stream->Drain();
}

bool Streams::Capturing() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const Stream* stream) { return stream->capture != nullptr; });
}

void Streams::Clear() {
  default_.Clear();
  for (Stream* stream : streams_) stream->Clear();
}

}  // namespace cuda_emulator
