// Progress of long work on stderr: a bar with rate and time left on a terminal, plain
// lines every few seconds elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace agon {

class Progress {
 public:
  // `label` names the stage ("pretrain"), `unit` the counted thing ("step", "MB").
  Progress(std::string_view label, int64_t total, std::string_view unit);
  ~Progress();  // finishes the line if Finish was not called
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of total; `detail` follows the bar (numbers of this step, two spaces between them), ""
  // for none. Where a terminal is too narrow for both, the numbers stand below the bar.
  // Cheap: redraws at most ten times a second. Not thread-safe.
  void Update(int64_t done, std::string_view detail = "");
  // A line on stdout that stays, above the bar.
  void PrintLine(std::string_view line);
  void Finish(std::string_view detail = "");

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A line on stderr from a signal's handler: async-signal-safe. An open bar goes on below it.
void PrintFromHandler(std::string_view line);

// Turns all progress off (tests, --quiet).
void SetProgressEnabled(bool enabled);

// "1.2 k", "3.4 M"; "1 h 02 m", "3 m 04 s", "5.6 s"; "12.3 MiB".
std::string FormatCount(double value);
std::string FormatDuration(double seconds);
std::string FormatBytes(int64_t bytes);

}  // namespace agon
