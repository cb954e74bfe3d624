#include "policy/cuda/matmul.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "core/error.h"
#include "policy/cuda/matmul_choice.h"

namespace agon::policy::cuda {
namespace {

// What was chosen in this process, for all backends of a GPU.
class Choices {
 public:
  using Algorithms = std::map<int, MatmulAlgorithm>;

  Algorithms Find(int gpu, const MatmulShape& shape) {
    const std::lock_guard lock(mutex_);
    return chosen_[{gpu, shape}];
  }
  void Keep(int gpu, const MatmulShape& shape, const Algorithms& more) {
    const std::lock_guard lock(mutex_);
    chosen_[{gpu, shape}].insert(more.begin(), more.end());
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<int, MatmulShape>, Algorithms> chosen_;
};

Choices& AllChoices() {
  static Choices choices;
  return choices;
}

}  // namespace

void CheckBlas(cublasStatus_t status, const char* op) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ErrorKind::kFailed, std::string("cuBLASLt: ") + cublasLtGetStatusString(status), op);
}

struct Matmul::Plan {
  MatmulProduct product;
  Choices::Algorithms algorithms;
};

Matmul::Matmul(const Gpu& gpu, Space& space) : gpu_(gpu), memory_(space, "trials of products") {
  CheckBlas(cublasLtCreate(&handle_), "start of cuBLASLt");
}

Matmul::~Matmul() {
  plans_.clear();
  cublasLtDestroy(handle_);
}

void Matmul::Reserve(std::span<const MatmulShape> shapes) {
  size_t bytes = 0;
  for (const MatmulShape& shape : shapes) bytes = std::max(bytes, MatmulTrial::Bytes(shape));
  memory_.Get(bytes);
}

void Matmul::Run(const char* op, const MatmulShape& shape, int rows, const void* left,
                 const void* right, void* result) {
  if (rows == 0) return;
  auto& plan = plans_[shape];
  if (!plan) plan.reset(new Plan{{handle_, shape}, {}});
  auto& algorithms = plan->algorithms;
  const int bucket = RowBucket(shape, rows);
  if (!algorithms.contains(bucket)) algorithms = AllChoices().Find(gpu_.index(), shape);
  if (!algorithms.contains(bucket)) {
    AllChoices().Keep(gpu_.index(), shape,
                      ChooseAlgorithms(handle_, shape, rows, memory_, gpu_.stream()));
    algorithms = AllChoices().Find(gpu_.index(), shape);
  }
  plan->product.Run(op, algorithms.at(bucket), rows, left, right, result, gpu_.stream());
}

}  // namespace agon::policy::cuda
