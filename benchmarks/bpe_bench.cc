// Tokenizer: encoding speed of one thread, training time, compression, and how encoding
// grows with a text of one repeated character. Prints one JSON object.
//
//   bpe_bench [--text FILE] [--vocab N] [--train-mb N] [--save DIR]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "datasets/tokenizer.h"

namespace agon::datasets {
namespace {

constexpr size_t kDocumentBytes = 16384;

double Seconds(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// WordNet's definitions and examples: plain English that Debian packages.
std::string WordNetGlosses() {
  std::string text;
  for (const char* name : {"noun", "verb", "adj", "adv"}) {
    const fs::path file = fs::path("/usr/share/wordnet") / (std::string("data.") + name);
    if (!fs::exists(file)) continue;
    const std::string data = ReadFile(file);
    for (size_t begin = 0; begin < data.size();) {
      const size_t end = std::min(data.find('\n', begin), data.size());
      const size_t gloss = data.find("| ", begin);
      if (gloss < end) text.append(data, gloss + 2, end - gloss - 1);
      begin = end + 1;
    }
  }
  return text;
}

// Sources and manuals under `root`, in order of their paths, up to `max_bytes` in all.
void AppendInstalledText(const fs::path& root, size_t max_bytes, std::string& text) {
  if (!fs::is_directory(root)) return;
  std::vector<fs::path> files;
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(root, options)) {
    const std::string kind = entry.path().extension();
    if (!entry.is_regular_file() || entry.is_symlink()) continue;
    if (kind == ".py" || kind == ".h" || kind == ".html" || kind == ".txt" || kind == ".pm") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    if (text.size() >= max_bytes) break;
    text += ReadFile(file);
  }
}

std::vector<std::string_view> Documents(std::string_view text) {
  std::vector<std::string_view> documents;
  for (size_t begin = 0; begin < text.size(); begin += kDocumentBytes) {
    documents.push_back(text.substr(begin, kDocumentBytes));
  }
  return documents;
}

Json Train(const std::string& english, size_t bytes, int vocab_size,
           std::optional<Tokenizer>& tokenizer) {
  std::string corpus = english;
  for (const char* root : {"/usr/lib/python3.11", "/usr/include", "/usr/share"}) {
    AppendInstalledText(root, bytes, corpus);
  }
  const size_t distinct_bytes = std::min(corpus.size(), bytes);
  while (corpus.size() < bytes) corpus += corpus.substr(0, bytes - corpus.size());
  corpus.resize(bytes);
  BpeTrainingOptions options;
  options.vocab_size = vocab_size;
  const double seconds = Seconds([&] { tokenizer = TrainBpe(Documents(corpus), options); });
  return {{"seconds", seconds},
          {"mb", bytes / 1e6},
          {"distinct_mb", distinct_bytes / 1e6},
          {"merges", tokenizer->vocab_size() - 256 - static_cast<int>(ChatSpecialTokens().size())},
          {"threads", std::thread::hardware_concurrency()}};
}

Json Encode(const Tokenizer& tokenizer, const std::string& text) {
  size_t num_ids = 0;
  double first = 0, best = 1e9;
  // A thread of its own: it starts with an empty word cache.
  std::thread([&] {
    for (int run = 0; run < 7; ++run) {
      const double seconds = Seconds([&] { num_ids = tokenizer.Encode(text).size(); });
      if (run == 0) first = seconds;
      best = std::min(best, seconds);
    }
  }).join();
  return {{"mb", text.size() / 1e6},
          {"first_mb_per_s", text.size() / first / 1e6},
          {"best_of_7_mb_per_s", text.size() / best / 1e6},
          {"bytes_per_token", static_cast<double>(text.size()) / num_ids}};
}

Json Linearity(const Tokenizer& tokenizer) {
  Json result = Json::array();
  for (const char unit : {'a', ' ', '\'', '\n'}) {
    double seconds[2];
    for (int i = 0; i < 2; ++i) {
      const std::string text((i + 1) * 1000000, unit);
      seconds[i] = 1e9;
      for (int run = 0; run < 3; ++run) {
        seconds[i] = std::min(seconds[i], Seconds([&] { tokenizer.Encode(text); }));
      }
    }
    result.push_back({{"character", std::string(1, unit)},
                      {"seconds_1mb", seconds[0]},
                      {"ratio_2mb", seconds[1] / seconds[0]}});
  }
  return result;
}

int Main(int argc, char** argv) {
  CLI::App app("Tokenizer benchmark: prints one JSON object");
  std::string text_file, save_dir;
  int vocab_size = 8192 + 256 + 9;
  size_t train_mb = 50;
  app.add_option("--text", text_file, "English to encode; default: WordNet's glosses");
  app.add_option("--vocab", vocab_size, "vocabulary size")->capture_default_str();
  app.add_option("--train-mb", train_mb, "training text, MB")->capture_default_str();
  app.add_option("--save", save_dir, "keep tokenizer.json and english.txt here");
  CLI11_PARSE(app, argc, argv);
  const std::string english = text_file.empty() ? WordNetGlosses() : ReadFile(text_file);
  if (english.empty()) {
    throw Error(ErrorKind::kNotFound, "no text to encode", "/usr/share/wordnet",
                "install wordnet-base or give --text FILE");
  }
  std::optional<Tokenizer> tokenizer;
  Json result{{"benchmark", "bpe"}};
  result["train"] = Train(english, train_mb * 1000000, vocab_size, tokenizer);
  result["encode_english"] = Encode(*tokenizer, english);
  result["one_character"] = Linearity(*tokenizer);
  if (!save_dir.empty()) {
    fs::create_directories(save_dir);
    tokenizer->Save(fs::path(save_dir) / "tokenizer.json");
    WriteFileAtomic(fs::path(save_dir) / "english.txt", english);
  }
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}

}  // namespace
}  // namespace agon::datasets

int main(int argc, char** argv) { return agon::RunMain(agon::datasets::Main, argc, argv); }
