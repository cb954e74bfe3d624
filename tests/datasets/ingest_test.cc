#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>

#include "core/error.h"
#include "datasets/datasets.h"
#include "datasets/wordnet.h"
#include "tests/datasets/temp_folder.h"

namespace agon::datasets {
namespace {

constexpr const char* kProse =
    "The quick brown fox jumps over the lazy dog while everybody else looks on";

SourceSpec Spec(const std::string& kind, const std::string& path) {
  SourceSpec spec;
  spec.name = "s";
  spec.kind = kind;
  spec.path = path;
  return spec;
}

std::vector<std::string> Texts(const std::vector<Document>& documents) {
  std::vector<std::string> texts;
  for (const Document& document : documents) texts.push_back(document.text);
  return texts;
}

class IngestTest : public testing::Test {
 protected:
  std::vector<std::string> Read(const SourceSpec& spec) {
    report_ = {};
    return Texts(Ingest(std::vector<SourceSpec>{spec}, report_));
  }
  int64_t Dropped(const std::string& reason) { return report_.sources["s"].dropped[reason]; }

  TempFolder folder_;
  IngestReport report_;
};

using Strings = std::vector<std::string>;

TEST_F(IngestTest, ReadsAFileAFolderAndGlobs) {
  folder_.Write("b.py", "b = 1\n");
  const std::string file = folder_.Write("a.py", "a = 1\n");
  folder_.Write("sub/deep/c.py", "c = 1\n");
  folder_.Write("sub/d.cfg", "d = 1\n");
  EXPECT_EQ(Read(Spec("text", file)), Strings{"a = 1"});
  EXPECT_EQ(Read(Spec("text", folder_.path().string())),
            (Strings{"a = 1", "b = 1", "d = 1", "c = 1"}));
  EXPECT_EQ(report_.sources["s"].files, 4);
  EXPECT_EQ(report_.sources["s"].documents, 4);
  EXPECT_EQ(report_.sources["s"].bytes, 20);
  EXPECT_EQ(Read(Spec("text", folder_ / "*.py")), (Strings{"a = 1", "b = 1"}));
  EXPECT_EQ(Read(Spec("text", folder_ / "**/*.py")), (Strings{"a = 1", "b = 1", "c = 1"}));
  EXPECT_EQ(Read(Spec("text", folder_ / "s*/**/*.py")), Strings{"c = 1"});
}

TEST_F(IngestTest, ReadsAFileOnceWhateverLinksToIt) {
  folder_.Write("real/a.py", "a = 1\n");
  fs::create_directory_symlink(folder_.path() / "real", folder_.path() / "link");
  fs::create_directory_symlink(folder_.path(), folder_.path() / "real/loop");
  EXPECT_EQ(Read(Spec("text", folder_ / "*/**/*.py")), Strings{"a = 1"});
  EXPECT_EQ(report_.sources["s"].files, 1);
}

TEST_F(IngestTest, RefusesWhatIsNotThere) {
  const auto kind = [&](const SourceSpec& spec) {
    try {
      Read(spec);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kFailed;
  };
  EXPECT_EQ(kind(Spec("text", folder_ / "missing")), ErrorKind::kNotFound);
  EXPECT_EQ(kind(Spec("text", folder_ / "*.missing")), ErrorKind::kNotFound);
  EXPECT_EQ(kind(Spec("pdf", folder_.path().string())), ErrorKind::kUsage);
  EXPECT_EQ(kind(Spec("generated", "poems")), ErrorKind::kUsage);
  SourceSpec optional = Spec("text", folder_ / "missing");
  optional.is_optional = true;
  EXPECT_TRUE(Read(optional).empty());
  ASSERT_EQ(report_.notes.size(), 1u);
  EXPECT_NE(report_.notes[0].find("missing"), std::string::npos);
}

TEST_F(IngestTest, CountsWhatItDrops) {
  folder_.Write("a.py", "x = 1");
  folder_.Write("b.py", "X  =\n1");
  folder_.Write("binary.so", std::string_view("\x7f"
                                              "ELF\0\1",
                                              6));
  folder_.Write("latin1.c", "caf\xE9");
  folder_.Write("empty.txt", "");
  folder_.Write("note.txt", "too little");
  folder_.Write("story.txt", kProse);
  EXPECT_EQ(Read(Spec("text", folder_.path().string())), (Strings{"x = 1", kProse}));
  EXPECT_EQ(Dropped("duplicate"), 1);
  EXPECT_EQ(Dropped("binary"), 1);
  EXPECT_EQ(Dropped("invalid UTF-8"), 1);
  EXPECT_EQ(Dropped("empty"), 1);
  EXPECT_EQ(Dropped("too short"), 1);
}

TEST_F(IngestTest, SkipsFilesThatAreTooLarge) {
  const std::string file = folder_.Write("large.txt", "");
  fs::resize_file(file, (int64_t{64} << 20) + 1);  // sparse
  EXPECT_TRUE(Read(Spec("text", file)).empty());
  EXPECT_EQ(Dropped("larger than 64 MiB"), 1);
  const std::string page = folder_.Write("large.html", "");
  fs::resize_file(page, (int64_t{8} << 20) + 1);
  EXPECT_TRUE(Read(Spec("html", page)).empty());
  EXPECT_EQ(Dropped("larger than 8 MiB"), 1);
}

TEST_F(IngestTest, ReadsALongLine) {
  const std::string line(10 << 20, 'x');
  EXPECT_EQ(Read(Spec("text", folder_.Write("line.c", line))), Strings{line});
  EXPECT_TRUE(Read(Spec("jsonl", folder_.Write("line.jsonl", line))).empty());
  EXPECT_EQ(Dropped("broken line"), 1);
}

TEST_F(IngestTest, ReadsJsonLines) {
  const std::string prose = kProse;
  const std::string file =
      folder_.Write("a.jsonl", "{\"text\": \"" + prose +
                                   "\", \"id\": 1}\n"
                                   "\n"
                                   "{\"text\": \"cut off\n"
                                   "[" +
                                   std::string(100000, '[') +
                                   "\n"
                                   "{\"text\": 7}\n"
                                   "{\"text\": \"\xFF\"}\n"
                                   "\"a string\"\n"
                                   "{\"text\": \"too short\"}\n"
                                   "{\"messages\": [{\"role\": \"user\", \"content\": \"2+2?\"},"
                                   "{\"role\": \"assistant\", \"content\": \"4\"}, 5]}\r\n"
                                   "{\"body\": \"" +
                                   prose + " too\"}");
  EXPECT_EQ(Read(Spec("jsonl", file)), (Strings{prose, "2+2?\n\n4"}));
  EXPECT_EQ(Dropped("broken line"), 3);
  EXPECT_EQ(Dropped("no text"), 3);
  EXPECT_EQ(Dropped("too short"), 1);
  SourceSpec other = Spec("jsonl", file);
  other.json_field = "body";
  EXPECT_EQ(Read(other).back(), prose + " too");
}

TEST_F(IngestTest, ReadsPages) {
  folder_.Write("page.html", std::string("<nav>x</nav><p>") + kProse + "</p>");
  folder_.Write("bomb.html", [] {
    std::string tags;
    for (int i = 0; i < 100000; ++i) tags += "<div>";
    return tags;
  }());
  folder_.Write("style.css", "p {}");
  EXPECT_EQ(Read(Spec("html", folder_.path().string())), Strings{kProse});
  EXPECT_EQ(Dropped("nested too deep"), 1);
}

TEST_F(IngestTest, SamplesFilesOfALargeSource) {
  for (int i = 0; i < 40; ++i) {
    folder_.Write("f" + std::to_string(i) + ".py", "x = " + std::to_string(1000 + i) + "\n");
  }
  SourceSpec spec = Spec("text", folder_.path().string());
  spec.max_bytes = 100;
  const Strings texts = Read(spec);
  EXPECT_EQ(texts.size(), 11u);  // of 9 bytes each
  EXPECT_EQ(Read(spec), texts);
  // Not simply the first files.
  EXPECT_NE(texts.back(), "x = 1018");
  spec.max_bytes = 5;
  EXPECT_THROW(Read(spec), Error);
}

TEST_F(IngestTest, DropsDuplicatesAcrossSources) {
  const std::string a = folder_.Write("a/x.py", "same = 1"),
                    b = folder_.Write("b/x.py", "same = 1");
  SourceSpec first = Spec("text", a), second = Spec("text", b);
  second.name = "t";
  const std::vector<Document> documents = Ingest(std::vector<SourceSpec>{first, second}, report_);
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0].source, "s");
  EXPECT_EQ(report_.sources["t"].dropped["duplicate"], 1);
}

TEST_F(IngestTest, DoesNotDependOnThreads) {
  for (int i = 0; i < 200; ++i) {
    folder_.Write(std::to_string(i) + ".py", "x = " + std::to_string(i % 150) + "\n");
  }
  const SourceSpec spec = Spec("text", folder_.path().string());
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const Strings one = Read(spec);
  omp_set_num_threads(7);
  const Strings seven = Read(spec);
  omp_set_num_threads(threads);
  EXPECT_EQ(one.size(), 150u);
  EXPECT_EQ(one, seven);
}

TEST_F(IngestTest, ReportsProgressUpToTheEnd) {
  folder_.Write("a.py", "a = 1");
  folder_.Write("b.py", "b = 22");
  int64_t last = -1;
  const auto progress = [&](const std::string& source, int64_t done, int64_t total) {
    EXPECT_EQ(source, "s");
    EXPECT_EQ(total, 11);
    EXPECT_GE(done, last);
    last = done;
  };
  Ingest(std::vector<SourceSpec>{Spec("text", folder_.path().string())}, report_, progress);
  EXPECT_EQ(last, 11);
}

TEST(WordNetTest, ReadsEntries) {
  int64_t broken = 0;
  const auto texts = ReadWordNet(
      "  1 This software and database is being provided\n"
      "00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 | that which exists  \n"
      "00002684 03 n 02 physical_object 0 thing 1 001 @ 00001930 n 0000 | a thing; \"a rock\"  \n"
      "01380638 00 s 01 galore(ip) 0 001 & 01379734 a 0000 | in great numbers.  \n"
      "00003553 03 n 0a a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 000 | ten words  \n",
      broken);
  EXPECT_EQ(broken, 0);
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_EQ(texts[0],
            "entity: that which exists.\n"
            "physical object, thing: a thing; \"a rock\".\n"
            "galore: in great numbers.\n"
            "a, b, c: ten words.\n");
}

TEST(WordNetTest, CountsBrokenEntries) {
  int64_t broken = 0;
  EXPECT_TRUE(ReadWordNet("00001740 03 n zz entity 0 | gloss\n"
                          "no bar\n"
                          "00001740 03 n 02 entity 0 | too few words\n"
                          "00001740 03 n 00 | no word\n"
                          "00001740 03 n 01 entity 0 |  \n",
                          broken)
                  .empty());
  EXPECT_EQ(broken, 5);
}

TEST(WordNetTest, CutsIntoTextsOfTwoKilobytes) {
  std::string file;
  for (int i = 0; i < 1000; ++i) file += "1 03 n 01 word 0 000 | a gloss of some words\n";
  int64_t broken = 0;
  const auto texts = ReadWordNet(file, broken);
  ASSERT_GT(texts.size(), 10u);
  for (size_t i = 0; i + 1 < texts.size(); ++i) {
    EXPECT_GE(texts[i].size(), 2048u);
    EXPECT_LT(texts[i].size(), 2100u);
    EXPECT_TRUE(texts[i].ends_with(".\n"));
  }
}

}  // namespace
}  // namespace agon::datasets
