#include "trainer/run_corpus.h"

#include <memory>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "core/progress.h"
#include "datasets/pipeline.h"

namespace agon::trainer {

void BuildRunCorpus(const DataSettings& data, const std::filesystem::path& dir,
                    const std::function<bool()>& is_stopped, std::ostream* table) {
  if (fs::exists(dir)) return;
  datasets::CorpusRecipe corpus;
  for (const std::string& source : data.sources) {
    corpus.sources.push_back(datasets::ParseSourceSpec(source));
  }
  corpus.vocab_size = data.vocab_size;
  corpus.val_fraction = static_cast<double>(data.val_fraction);
  std::unique_ptr<Progress> bar;
  std::string current;
  // Nothing is kept of half a corpus.
  WriteDirAtomic(dir, [&](const fs::path& part_dir) {
    const auto report = datasets::BuildCorpus(
        corpus, part_dir, [&](const std::string& part, int64_t done, int64_t total) {
          if (part != current) bar = std::make_unique<Progress>("corpus " + part, total, "B");
          current = part;
          bar->Update(done);
          if (is_stopped()) throw Error(ErrorKind::kInterrupted, "stopped in the corpus");
        });
    bar.reset();
    if (table != nullptr) *table << datasets::RenderReport(report);
  });
}

}  // namespace agon::trainer
