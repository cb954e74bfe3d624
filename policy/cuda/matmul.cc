#include "policy/cuda/matmul.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <string>
#include <utility>

#include "core/error.h"
#include "policy/cuda/matmul_choice.h"

namespace agon::policy::cuda {
namespace {

// What was chosen in this process, for all backends of a GPU.
class AllChoices {
 public:
  static AllChoices& Instance() {
    static AllChoices choices;
    return choices;
  }

  // With an algorithm for `rows` rows, from choose(choices so far) if there was none. Who asks for
  // the same at the same time waits.
  template <typename Choose>
  MatmulChoices For(int gpu, const MatmulShape& shape, int rows, const Choose& choose) {
    const std::lock_guard lock(mutex_);
    MatmulChoices& choices = chosen_[{gpu, shape}];
    if (!choices.by_bucket.contains(RowBucket(shape, rows))) choices = choose(choices);
    return choices;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<int, MatmulShape>, MatmulChoices> chosen_;
};

}  // namespace

void CheckBlas(cublasStatus_t status, const char* op) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kFailed, std::string("cuBLASLt: ") + cublasLtGetStatusString(status), op);
}

struct Matmul::Plan {
  MatmulProduct product;
  MatmulChoices choices;
};

Matmul::Matmul(const Gpu& gpu, Space& space)
    : gpu_(gpu), memory_(space, "trials of products"), trial_rows_(kTrialRows) {
  CheckBlas(cublasLtCreate(&handle_), "start of cuBLASLt");
}

Matmul::~Matmul() {
  plans_.clear();
  cublasLtDestroy(handle_);
}

void Matmul::Reserve(std::span<const MatmulShape> shapes, int most_rows) {
  trial_rows_ = static_cast<int>(std::clamp(std::bit_ceil(static_cast<unsigned>(most_rows)),
                                            unsigned{kTrialRows}, unsigned{kMostTrialRows}));
  size_t bytes = 0;
  for (const MatmulShape& shape : shapes)
    bytes = std::max(bytes, MatmulTrial::Bytes(gpu_, shape, trial_rows_));
  memory_.Get(bytes);
}

void Matmul::Run(const char* op, const MatmulShape& shape, int rows, const void* left,
                 const void* right, void* result) {
  if (rows == 0) return;
  auto& plan = plans_[shape];
  if (!plan) plan.reset(new Plan{{handle_, shape}, {}});
  auto& by_bucket = plan->choices.by_bucket;
  const int bucket = RowBucket(shape, rows);
  if (!by_bucket.contains(bucket)) {
    plan->choices =
        AllChoices::Instance().For(gpu_.index(), shape, rows, [&](const MatmulChoices& so_far) {
          return Choose(handle_, shape, rows, so_far, trial_rows_, memory_, gpu_);
        });
  }
  plan->product.Run(op, by_bucket.at(bucket), rows, left, right, result, gpu_.stream());
}

bool Matmul::UsesFewRows(const MatmulShape& shape, int rows) const {
  return plans_.at(shape)->choices.by_bucket.at(RowBucket(shape, rows)).is_few_rows;
}

}  // namespace agon::policy::cuda
