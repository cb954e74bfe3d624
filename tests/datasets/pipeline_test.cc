#include "datasets/pipeline.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <set>
#include <sstream>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/progress.h"
#include "datasets/data_command.h"
#include "tests/datasets/temp_folder.h"

namespace agon::datasets {
namespace {

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() {
    SetProgressEnabled(false);
    for (int i = 0; i < 60; ++i) {
      folder_.Write(
          "src/f" + std::to_string(i) + ".py",
          "def function_" + std::to_string(i) + "():\n    return " + std::to_string(i * i) + "\n");
    }
    recipe_.sources = {{"math", "generated", "math", 150000, "text", false},
                       {"code", "text", folder_ / "src", 0, "text", false}};
    recipe_.vocab_size = 300;
    recipe_.val_fraction = 0.1;
  }

  std::string AllBytes(const fs::path& dir) {
    std::string bytes;
    for (const char* name :
         {"tokenizer.json", "report.json", "train/tokens.bin", "train/documents.bin",
          "train/manifest.json", "val/tokens.bin", "val/documents.bin", "val/manifest.json"}) {
      bytes += ReadFile(dir / name);
    }
    return bytes;
  }

  ErrorKind BuildError() {
    try {
      BuildCorpus(recipe_, folder_ / "out");
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kInterrupted;
  }

  TempFolder folder_;
  CorpusRecipe recipe_;
};

std::set<std::string> Texts(const fs::path& dir, const Tokenizer& tokenizer) {
  const Corpus corpus(dir);
  std::set<std::string> texts;
  for (int64_t i = 0; i < corpus.num_documents(); ++i) {
    texts.insert(tokenizer.Decode(corpus.DocumentTokens(i)));
  }
  EXPECT_EQ(texts.size(), static_cast<size_t>(corpus.num_documents()));
  return texts;
}

TEST_F(PipelineTest, WritesTokenizerAndBothSplits) {
  const IngestReport report = BuildCorpus(recipe_, folder_ / "out");
  const Tokenizer tokenizer = Tokenizer::Load(folder_ / "out/tokenizer.json");
  EXPECT_EQ(tokenizer.vocab_size(), 300);
  const std::set<std::string> train = Texts(folder_ / "out/train", tokenizer);
  const std::set<std::string> val = Texts(folder_ / "out/val", tokenizer);
  const SourceCounts &math = report.sources.at("math"), &code = report.sources.at("code");
  EXPECT_EQ(code.files, 60);
  EXPECT_EQ(code.documents, 60);
  EXPECT_EQ(static_cast<int64_t>(train.size() + val.size()), math.documents + code.documents);
  EXPECT_GT(val.size(), 15u);
  EXPECT_LT(val.size(), 80u);
  for (const std::string& text : val) EXPECT_EQ(train.count(text), 0u);
  EXPECT_EQ(Corpus(folder_ / "out/train").num_tokens() + Corpus(folder_ / "out/val").num_tokens(),
            math.tokens + code.tokens);
}

TEST_F(PipelineTest, GivesTheSameBytesOnAnyNumberOfThreads) {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  BuildCorpus(recipe_, folder_ / "one");
  omp_set_num_threads(5);
  BuildCorpus(recipe_, folder_ / "five");
  BuildCorpus(recipe_, folder_ / "one-again");
  BuildCorpus(recipe_, folder_ / "one-again");  // over what is there
  omp_set_num_threads(threads);
  EXPECT_EQ(AllBytes(folder_ / "one"), AllBytes(folder_ / "five"));
  EXPECT_EQ(AllBytes(folder_ / "one"), AllBytes(folder_ / "one-again"));
}

TEST_F(PipelineTest, ATextStaysInItsSplitWhenSourcesAreAdded) {
  BuildCorpus(recipe_, folder_ / "both");
  recipe_.sources.erase(recipe_.sources.begin());
  BuildCorpus(recipe_, folder_ / "code");
  const auto val = [&](const char* dir) {
    return Texts(folder_.path() / dir / "val",
                 Tokenizer::Load(folder_.path() / dir / "tokenizer.json"));
  };
  const std::set<std::string> both = val("both"), code = val("code");
  EXPECT_FALSE(code.empty());
  for (const std::string& text : code) EXPECT_EQ(both.count(text), 1u) << text;
}

TEST_F(PipelineTest, ReportsStagesInOrder) {
  std::vector<std::string> stages;
  BuildCorpus(recipe_, folder_ / "out", [&](const std::string& stage, int64_t done, int64_t total) {
    EXPECT_LE(done, total);
    if (stages.empty() || stages.back() != stage) stages.push_back(stage);
  });
  EXPECT_EQ(stages, (std::vector<std::string>{"math", "code", "tokenizer", "train", "val"}));
}

TEST_F(PipelineTest, RefusesRecipesThatCannotBe) {
  recipe_.vocab_size = 264;
  EXPECT_EQ(BuildError(), ErrorKind::kUsage);
  recipe_.vocab_size = 300;
  recipe_.val_fraction = 0.9;
  EXPECT_EQ(BuildError(), ErrorKind::kUsage);
  recipe_.val_fraction = 0.1;
  recipe_.sources = {{"x", "text", folder_ / "missing", 0, "text", false}};
  EXPECT_EQ(BuildError(), ErrorKind::kNotFound);
  recipe_.sources[0].is_optional = true;
  EXPECT_EQ(BuildError(), ErrorKind::kFailed);  // no text at all
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(PipelineTest, DefaultSourcesNeedNothingInstalled) {
  bool has_required = false;
  for (const SourceSpec& spec : DefaultSources()) {
    if (!spec.is_optional) {
      EXPECT_EQ(spec.kind, "generated");
      has_required = true;
    }
  }
  EXPECT_TRUE(has_required);
}

TEST(SourceSpecTest, ReadsTheNotation) {
  const SourceSpec spec = ParseSourceSpec("web=jsonl:/data/a:b,c.jsonl,max=8M,field=body");
  EXPECT_EQ(spec.name, "web");
  EXPECT_EQ(spec.kind, "jsonl");
  EXPECT_EQ(spec.path, "/data/a:b,c.jsonl");
  EXPECT_EQ(spec.max_bytes, 8 << 20);
  EXPECT_EQ(spec.json_field, "body");
  EXPECT_FALSE(spec.is_optional);
  EXPECT_EQ(ParseSourceSpec("a=text:b").max_bytes, 0);
  EXPECT_EQ(ParseSourceSpec("a=text:b,max=500k").max_bytes, 500 << 10);
  for (const char* text : {"", "text:b", "=text:b", "a=text", "a=text:", "a=text:b,max=",
                           "a=text:b,max=8X", "a=text:b,max=-1", "a=text:b,max=9999999999999G"}) {
    EXPECT_THROW(ParseSourceSpec(text), Error) << text;
  }
}

TEST(ReportTest, ShowsCountsReasonsAndNotes) {
  IngestReport report;
  report.sources["books"] = {2, 3, 2048, 700, {{"duplicate", 4}, {"empty", 1}}};
  report.notes = {"source x: nothing matches /x"};
  const std::string table = RenderReport(report);
  for (const char* part : {"books", "2.0 KiB", "700", "books: 4 duplicate", "note: source x"}) {
    EXPECT_NE(table.find(part), std::string::npos) << part << " in\n" << table;
  }
  const Json json = ParseJson(ReportJson(report), "report");
  EXPECT_EQ(json["sources"]["books"]["tokens"], 700);
  EXPECT_EQ(json["sources"]["books"]["dropped"]["duplicate"], 4);
  EXPECT_EQ(json["notes"].size(), 1u);
}

TEST_F(PipelineTest, CommandsDoTheStepsOneByOne) {
  DataCommand command;
  command.sources = {"code=text:" + (folder_ / "src")};
  command.recipe.vocab_size = 300;
  std::ostringstream out;
  command.path = folder_ / "documents.jsonl";
  RunIngest(command, out);
  command.path = folder_ / "tokenizer.json";
  RunTokenizer(command, out);
  command.sources = {"again=jsonl:" + (folder_ / "documents.jsonl")};
  command.tokenizer = folder_ / "tokenizer.json";
  command.path = folder_ / "corpus";
  out.str("");
  command.is_json = true;
  RunCorpus(command, out);
  // Lines of code are no prose.
  EXPECT_EQ(ParseJson(out.str(), "out")["sources"]["again"]["dropped"]["too short"], 60);
  command.sources = {"code=text:" + (folder_ / "src")};
  RunCorpus(command, out);
  out.str("");
  command.num_samples = 2;
  RunInfo(command, out);
  const Json info = ParseJson(out.str(), "out");
  EXPECT_EQ(info["corpus"]["documents"], 60);
  EXPECT_EQ(info["corpus"]["samples"].size(), 2u);
  EXPECT_NE(info["corpus"]["samples"][0].get<std::string>().find("def function_"),
            std::string::npos);
  command.path = folder_ / "nothing";
  EXPECT_THROW(RunInfo(command, out), Error);
}

}  // namespace
}  // namespace agon::datasets
