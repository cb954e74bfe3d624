// Streams, events and graphs of the emulated device.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace cuda_emulator {

using Operation = std::function<void()>;

struct Graph {
  std::vector<Operation> operations;
};

// Operations that wait to run, in order.
class Stream {
 public:
  void Add(Operation operation);
  // Runs the first `count` operations ever added.
  void RunUntil(uint64_t count);
  void Drain() { RunUntil(num_added_); }
  void Clear();
  uint64_t num_added() const { return num_added_; }
  uint64_t num_run() const { return num_run_; }

  bool blocking = true;            // waits for the default stream, as that does for it
  std::unique_ptr<Graph> capture;  // set while capturing

 private:
  std::deque<Operation> pending_;
  uint64_t num_added_ = 0, num_run_ = 0;
};

struct Event {
  Stream* stream = nullptr;  // where it was recorded last
  uint64_t ticket = 0;       // operations of `stream` up to and with the record
  int64_t nanoseconds = 0;   // of the GPU's clock when it came up
};

// All streams of a GPU; the default one runs at once, after what blocking streams were given
// before, except for small copies.
class Streams {
 public:
  static Streams& Instance();  // the current GPU's

  Stream* Create(bool blocking);
  void Destroy(Stream* stream);
  Stream& Get(Stream* stream) { return stream ? *stream : default_; }
  void Add(Stream* stream, Operation operation);
  // To the default stream; runs when something waits for that, not at once.
  void AddLazily(Operation operation) { default_.Add(std::move(operation)); }
  void DrainDefault(const Stream& caller);  // unless that is it
  void DrainBlocking();
  void DrainAll();
  bool Capturing() const;
  // The GPU's clock. Time is pretended, so that what is chosen by it is the same in every run:
  // products say what they take, all else takes none.
  void Pass(int64_t nanoseconds) { nanoseconds_ += nanoseconds; }
  int64_t nanoseconds() const { return nanoseconds_; }
  // After a fault nothing that was queued makes sense.
  void Clear();

 private:
  Stream default_;
  std::set<Stream*> streams_;
  int64_t nanoseconds_ = 0;
};

}  // namespace cuda_emulator
