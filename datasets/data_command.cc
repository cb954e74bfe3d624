#include "datasets/data_command.h"

#include <algorithm>
#include <memory>
#include <ostream>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/progress.h"

namespace agon::datasets {
namespace {

// A bar per stage, in MB of text or merges of the tokenizer.
class StageBars {
 public:
  void Update(const std::string& stage, int64_t done, int64_t total) {
    const bool is_text = stage != "tokenizer";
    const int64_t unit = is_text ? int64_t{1} << 20 : 1;
    if (stage != stage_) {
      bar_.reset();
      bar_ = std::make_unique<Progress>(stage, (total + unit - 1) / unit, is_text ? "MB" : "merge");
      stage_ = stage;
    }
    bar_->Update((done + unit - 1) / unit);
  }

 private:
  std::string stage_;
  std::unique_ptr<Progress> bar_;
};

IngestProgress ShowProgress() {
  return
      [bars = std::make_shared<StageBars>()](const std::string& stage, int64_t done,
                                             int64_t total) { bars->Update(stage, done, total); };
}

std::vector<SourceSpec> Sources(const DataCommand& command) {
  if (command.sources.empty()) return DefaultSources();
  std::vector<SourceSpec> sources;
  for (const std::string& text : command.sources) sources.push_back(ParseSourceSpec(text));
  return sources;
}

std::vector<Document> IngestAll(const DataCommand& command, IngestReport& report) {
  return Ingest(Sources(command), report, ShowProgress());
}

void Print(const DataCommand& command, const IngestReport& report, const std::string& wrote,
           std::ostream& out) {
  out << (command.is_json ? ReportJson(report) : RenderReport(report));
  if (!command.is_json && !wrote.empty()) out << "wrote " << wrote << "\n";
}

struct Split {
  std::string name;
  fs::path dir;
};

// The corpora in a folder: itself, or train/ and val/ below it.
std::vector<Split> FindSplits(const fs::path& dir) {
  std::vector<Split> splits;
  if (fs::exists(dir / "manifest.json")) splits.push_back({"corpus", dir});
  for (const char* name : {"train", "val"}) {
    if (fs::exists(dir / name / "manifest.json")) splits.push_back({name, dir / name});
  }
  if (splits.empty()) {
    throw Error(ErrorKind::kNotFound, "no corpus here", dir.string(),
                "make one with rl-data build --out " + dir.string());
  }
  return splits;
}

Json SplitJson(const Corpus& corpus) {
  Json json;
  json["documents"] = corpus.num_documents();
  json["tokens"] = corpus.num_tokens();
  json["bytes"] = corpus.num_bytes();
  json["bytes_per_token"] = corpus.num_tokens() == 0 ? 0.0
                                                     : static_cast<double>(corpus.num_bytes()) /
                                                           static_cast<double>(corpus.num_tokens());
  return json;
}

// Evenly spread documents, decoded.
Json Samples(const DataCommand& command, const Corpus& corpus, const fs::path& dir) {
  Json samples = Json::array();
  if (command.num_samples <= 0 || corpus.num_documents() == 0) return samples;
  const fs::path file =
      command.tokenizer.empty()
          ? (fs::exists(dir / "tokenizer.json") ? dir : dir.parent_path()) / "tokenizer.json"
          : fs::path(command.tokenizer);
  const Tokenizer tokenizer = Tokenizer::Load(file);
  const int64_t count = std::min(command.num_samples, corpus.num_documents());
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t> ids = corpus.DocumentTokens(i * corpus.num_documents() / count);
    for (const int32_t id : ids) {
      if (id < 0 || id >= tokenizer.vocab_size()) {
        throw Error(ErrorKind::kUsage, "the corpus was made with another tokenizer", file.string(),
                    "name its own with --tokenizer");
      }
    }
    samples.push_back(tokenizer.Decode(ids));
  }
  return samples;
}

}  // namespace

void RunBuild(const DataCommand& command, std::ostream& out) {
  CorpusRecipe recipe = command.recipe;
  recipe.sources = Sources(command);
  Print(command, BuildCorpus(recipe, command.path, ShowProgress()), command.path, out);
}

void RunIngest(const DataCommand& command, std::ostream& out) {
  IngestReport report;
  const std::vector<Document> documents = IngestAll(command, report);
  if (!command.path.empty()) {
    std::string lines;
    for (const Document& document : documents) {
      Json line;
      line["text"] = document.text;
      line["source"] = document.source;
      lines += line.dump() + "\n";
    }
    WriteFileAtomic(command.path, lines);
  }
  Print(command, report, command.path, out);
}

void RunTokenizer(const DataCommand& command, std::ostream& out) {
  IngestReport report;
  std::vector<Document> documents = IngestAll(command, report);
  TrainTokenizer(command.recipe, documents, ShowProgress()).Save(command.path);
  Print(command, report, command.path, out);
}

void RunCorpus(const DataCommand& command, std::ostream& out) {
  const Tokenizer tokenizer = Tokenizer::Load(command.tokenizer);
  IngestReport report;
  const std::vector<Document> documents = IngestAll(command, report);
  WriteCorpus(command.path, documents, tokenizer, report);
  Print(command, report, command.path, out);
}

void RunInfo(const DataCommand& command, std::ostream& out) {
  Json all;
  for (const Split& split : FindSplits(command.path)) {
    const Corpus corpus(split.dir);
    Json json = SplitJson(corpus);
    json["samples"] = Samples(command, corpus, split.dir);
    all[split.name] = std::move(json);
  }
  if (command.is_json) {
    out << DumpJson(all, 2) << "\n";
    return;
  }
  for (const auto& [name, split] : all.items()) {
    out << name << ": " << split["documents"].get<int64_t>() << " documents, "
        << split["tokens"].get<int64_t>() << " tokens, "
        << FormatBytes(split["bytes"].get<int64_t>()) << " of text, "
        << split["bytes_per_token"].get<double>() << " bytes per token\n";
    for (const Json& sample : split["samples"]) {
      out << "----\n" << sample.get<std::string>() << "\n";
    }
  }
}

}  // namespace agon::datasets
