#include "policy/communicator.h"

#include <algorithm>

namespace agon::policy {
namespace {

class SoloCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> Exchange(std::vector<std::string> parts) override { return parts; }
  void Leave(int /*status*/) override {}
};

}  // namespace

bool Communicator::Any(bool mine) {
  const auto all = AllGather(mine ? "1" : "0");
  return std::find(all.begin(), all.end(), "1") != all.end();
}

std::unique_ptr<Communicator> NewSoloCommunicator() { return std::make_unique<SoloCommunicator>(); }

}  // namespace agon::policy
