#include "policy/shares.h"

#include "policy/backend.h"

namespace agon::policy {

std::vector<Share> CutShares(const WeightLayout& layout, int num_shares,
                             const std::function<bool(const TensorSpec&)>& stays_whole) {
  const int64_t size = layout.size();
  std::vector<Share> shares(static_cast<size_t>(num_shares));
  for (size_t i = 1; i < shares.size(); ++i) {
    int64_t cut = size * static_cast<int64_t>(i) / num_shares / kSquaresPerSum * kSquaresPerSum;
    for (const TensorSpec& tensor : layout.tensors()) {
      const int64_t before = cut - tensor.offset, after = tensor.offset + tensor.size - cut;
      if (before <= 0 || after <= 0 || !stays_whole(tensor)) continue;
      cut = before <= after ? tensor.offset : tensor.offset + tensor.size;
      break;
    }
    shares[i - 1].end = shares[i].begin = cut;
  }
  shares.back().end = size;
  return shares;
}

}  // namespace agon::policy
