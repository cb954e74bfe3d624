// Ranks that are threads of the test: what mpirun would start as processes.
#pragma once

#include <barrier>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "policy/communicator.h"

namespace agon::trainer {

class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : barrier_(size), mail_(static_cast<size_t>(size)), size_(size) {}

  // Calls body(communicator) on every rank. Rethrows what a rank threw; a body that throws on
  // one rank must throw on all of them.
  template <typename Body>
  void Run(const Body& body) {
    std::vector<std::thread> threads;
    std::vector<std::exception_ptr> errors(static_cast<size_t>(size_));
    for (int rank = 0; rank < size_; ++rank) {
      threads.emplace_back([&, rank] {
        Rank communicator(*this, rank);
        try {
          body(communicator);
        } catch (...) {
          errors[static_cast<size_t>(rank)] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  }

 private:
  class Rank final : public policy::Communicator {
   public:
    Rank(ThreadRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    std::vector<std::string> Exchange(std::vector<std::string> parts) override {
      all_.mail_[static_cast<size_t>(rank_)] = std::move(parts);
      all_.barrier_.arrive_and_wait();
      std::vector<std::string> received;
      for (const auto& sent : all_.mail_) received.push_back(sent[static_cast<size_t>(rank_)]);
      all_.barrier_.arrive_and_wait();
      return received;
    }
    void Leave(int) override {}

   private:
    ThreadRanks& all_;
    int rank_;
  };

  std::barrier<> barrier_;
  std::vector<std::vector<std::string>> mail_;  // [from][to]
  int size_;
};

}  // namespace agon::trainer
