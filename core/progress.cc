#include "core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

namespace agon {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kRedrawInterval{100};
constexpr milliseconds kPlainInterval{5000};
// The rate is taken over this window, so that it follows a change of pace without jitter.
constexpr milliseconds kRateWindow{15000};
constexpr milliseconds kRateSampleInterval{500};

std::atomic<bool> progress_enabled{true};

// Lines that handlers printed: an open bar isn't where it was.
std::atomic<int> num_interruptions{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal's handler");

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

bool StderrIsTerminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && !(term && std::strcmp(term, "dumb") == 0);
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    return std::strstr(value, "UTF-8") || std::strstr(value, "utf8");
  }
  return false;
}

int TerminalColumns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void WriteStderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // losing a progress line is no reason to fail
    text.remove_prefix(static_cast<size_t>(written));
  }
}

bool IsUtf8Continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

int CountColumns(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsUtf8Continuation(c); }));
}

std::string TruncateColumns(std::string_view text, int columns) {
  size_t end = 0;
  for (int column = 0; end < text.size(); ++column) {
    if (column == std::max(columns, 0)) break;
    do {
      ++end;
    } while (end < text.size() && IsUtf8Continuation(text[end]));
  }
  return std::string(text.substr(0, end));
}

// A line break or an escape in a detail (text a model wrote) must not move the cursor.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return line;
}

// `text` in rows of at most `columns`, broken between numbers where one ends in time.
std::vector<std::string> Rows(std::string_view text, int columns) {
  std::vector<std::string> rows;
  while (CountColumns(text) > columns) {
    const std::string fits = TruncateColumns(text, columns);
    size_t end = text.substr(0, fits.size() + 2).rfind("  ");
    const bool breaks = end != std::string_view::npos && end > 0;
    if (!breaks) end = fits.size();
    rows.emplace_back(text.substr(0, end));
    text.remove_prefix(end + (breaks ? 2 : 0));
  }
  rows.emplace_back(text);
  return rows;
}

std::string DrawBar(double fraction, int columns, bool utf8) {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(fraction * columns * 8);
  const int full = eighths / 8;
  std::string bar = utf8 ? "▕" : "[";
  for (int i = 0; i < full; ++i) bar += utf8 ? "█" : "#";
  int drawn = full;
  if (utf8 && eighths % 8 != 0) {
    bar += kEighths[eighths % 8];
    ++drawn;
  }
  bar.append(columns - drawn, ' ');
  return bar + (utf8 ? "▏" : "]");
}

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

struct Progress::Impl {
  struct Sample {
    Clock::time_point time;
    int64_t done;
  };

  std::string label, unit, detail;
  int64_t total = 0, done = 0, first_done = 0;
  bool enabled = false, terminal = false, utf8 = false;
  bool updated = false, finished = false;
  Clock::time_point start, last_drawn;
  std::deque<Sample> samples;  // oldest first, spanning about kRateWindow
  size_t rows_drawn = 0;       // on the terminal, the cursor is in the last
  int interruptions = 0;       // when they were drawn
  bool is_below = false;       // the detail: stays there, so that the bar doesn't jump

  void Observe(Clock::time_point now, int64_t new_done);
  double Rate(Clock::time_point now) const;
  double Fraction() const;
  std::string Counts(Clock::time_point now) const;
  void Draw(Clock::time_point now);
  std::vector<std::string> TerminalRows(const std::string& counts);
  std::string Rewind();
  void Close(bool complete);
};

void Progress::Impl::Observe(Clock::time_point now, int64_t new_done) {
  // A count reported at once is where a resumed run starts, not work done in this one.
  if (!updated && now - start < kRedrawInterval) {
    first_done = new_done;
    samples.assign(1, {start, new_done});
  }
  updated = true;
  done = new_done;
  if (now - samples.back().time < kRateSampleInterval) return;
  samples.push_back({now, done});
  while (samples.size() > 2 && now - samples[1].time > kRateWindow) samples.pop_front();
}

double Progress::Impl::Rate(Clock::time_point now) const {
  const double seconds = Seconds(now - samples.front().time);
  return seconds > 0 ? static_cast<double>(done - samples.front().done) / seconds : 0;
}

double Progress::Impl::Fraction() const {
  return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0)
                   : 0;
}

std::string Progress::Impl::Counts(Clock::time_point now) const {
  std::string text;
  if (total > 0) text += Format("%.0f %%  ", std::floor(100 * Fraction()));
  text += std::to_string(done);
  if (total > 0) text += "/" + std::to_string(total);
  text += " " + unit;
  const double rate = Rate(now);
  if (rate > 0) {
    text += "  " + FormatCount(rate) + " " + unit + "/s";
    if (total > done) {
      text += "  " + FormatDuration(static_cast<double>(total - done) / rate) + " left";
    }
  }
  return text;
}

// What a terminal shows: the bar, and the detail beside or below it.
std::vector<std::string> Progress::Impl::TerminalRows(const std::string& counts) {
  // The last column stays free: some terminals wrap as soon as it is written.
  const int columns = std::max(TerminalColumns() - 1, 1);
  const int needed = CountColumns(label) + 1 + CountColumns(counts) + (total > 0 ? 13 : 0);
  is_below |= !detail.empty() && needed + 2 + CountColumns(detail) > columns;
  const std::string tail = detail.empty() || is_below ? "" : "  " + detail;
  std::string line = label + " ";
  const int spare = columns - CountColumns(line) - CountColumns(counts) - CountColumns(tail) - 3;
  // In few steps, so that the bar keeps its width while the numbers beside it grow.
  const int bar_columns = spare >= 30 ? 30 : spare >= 20 ? 20 : 10;
  if (total > 0) line += DrawBar(Fraction(), bar_columns, utf8) + " ";
  std::vector<std::string> rows = {TruncateColumns(line + counts + tail, columns)};
  if (is_below && !detail.empty()) {
    for (const std::string& row : Rows(detail, std::max(columns - 2, 1))) {
      rows.push_back("  " + row);
    }
  }
  return rows;
}

// To where the bar begins.
std::string Progress::Impl::Rewind() {
  std::string codes = "\r";
  if (rows_drawn > 1 && interruptions == num_interruptions)
    codes += "\x1b[" + std::to_string(rows_drawn - 1) + "A";
  rows_drawn = 0;
  interruptions = num_interruptions;
  return codes;
}

void Progress::Impl::Draw(Clock::time_point now) {
  const std::string counts = Counts(now);
  if (!terminal) {
    WriteStderr(label + ": " + counts + (detail.empty() ? "" : "  " + detail) + "\n");
    return;
  }
  const std::vector<std::string> rows = TerminalRows(counts);
  std::string text = Rewind();
  for (const std::string& row : rows) text += (rows_drawn++ > 0 ? "\n" : "") + row + "\x1b[K";
  WriteStderr(text + "\x1b[J");
}

void Progress::Impl::Close(bool complete) {
  if (finished) return;
  finished = true;
  if (!enabled) return;
  const double seconds = Seconds(Clock::now() - start);
  std::string line = label + ": ";
  if (!complete) line += "stopped at ";
  line += std::to_string(done);
  if (!complete && total > 0) line += "/" + std::to_string(total);
  line += " " + unit + (complete ? " in " : " after ") + FormatDuration(seconds);
  const auto moved = static_cast<double>(done - first_done);
  if (moved > 0 && seconds > 0) line += "  " + FormatCount(moved / seconds) + " " + unit + "/s";
  if (!detail.empty()) line += "  " + detail;
  WriteStderr((terminal ? Rewind() + "\x1b[J" : "") + line + "\n");
}

Progress::Progress(std::string_view label, int64_t total, std::string_view unit)
    : impl_(std::make_unique<Impl>()) {
  impl_->label = OneLine(label);
  impl_->unit = OneLine(unit);
  impl_->total = total;
  impl_->enabled = progress_enabled;
  impl_->terminal = StderrIsTerminal();
  impl_->utf8 = LocaleIsUtf8();
  impl_->start = Clock::now();
  impl_->samples.push_back({impl_->start, 0});
  // A terminal shows the bar at the first Update; plain output waits a whole interval.
  impl_->last_drawn = impl_->terminal ? impl_->start - kRedrawInterval : impl_->start;
}

Progress::~Progress() { impl_->Close(impl_->total > 0 && impl_->done >= impl_->total); }

void Progress::Update(int64_t done, std::string_view detail) {
  const Clock::time_point now = Clock::now();
  impl_->Observe(now, done);
  if (!impl_->enabled || impl_->finished) return;
  impl_->detail = OneLine(detail);
  if (now - impl_->last_drawn < (impl_->terminal ? kRedrawInterval : kPlainInterval)) return;
  impl_->last_drawn = now;
  impl_->Draw(now);
}

void Progress::PrintLine(std::string_view line) {
  const bool is_drawn = impl_->rows_drawn > 0;
  if (is_drawn) WriteStderr(impl_->Rewind() + "\x1b[J");
  std::printf("%s\n", OneLine(line).c_str());
  std::fflush(stdout);
  if (is_drawn) impl_->Draw(Clock::now());
}

void Progress::Finish(std::string_view detail) {
  if (impl_->total > 0) impl_->Observe(Clock::now(), impl_->total);
  impl_->detail = OneLine(detail);
  impl_->Close(true);
}

void PrintFromHandler(std::string_view line) {
  const int error = errno;  // of what was interrupted
  ++num_interruptions;
  for (const std::string_view text : {std::string_view("\n"), line, std::string_view("\n")}) {
    WriteStderr(text);
  }
  errno = error;
}

void SetProgressEnabled(bool enabled) { progress_enabled = enabled; }

std::string FormatCount(double value) {
  if (!std::isfinite(value)) return "?";
  static constexpr std::array<const char*, 5> kUnits = {"", " k", " M", " G", " T"};
  size_t unit = 0;
  // 999.95 is where one decimal would round up to the next unit.
  while (std::abs(value) >= (unit == 0 ? 999.5 : 999.95) && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  const bool whole = unit == 0 && (value == std::floor(value) || std::abs(value) >= 99.95);
  return Format(whole ? "%.0f" : "%.1f", value) + kUnits[unit];
}

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds < 59.95) return Format("%.1f s", seconds);
  if (seconds >= 1e15) return "?";
  char text[64];
  const auto print = [&text](const char* format, int64_t major, int64_t minor) {
    std::snprintf(text, sizeof text, format, static_cast<long long>(major),
                  static_cast<long long>(minor));
    return std::string(text);
  };
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return print("%lld m %02lld s", whole / 60, whole % 60);
  const int64_t minutes = std::llround(seconds / 60);
  if (minutes < int64_t{24} * 60) return print("%lld h %02lld m", minutes / 60, minutes % 60);
  const int64_t hours = std::llround(seconds / 3600);
  return print("%lld d %02lld h", hours / 24, hours % 24);
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {" KiB", " MiB", " GiB", " TiB", " PiB"};
  if (bytes < 0) return "?";
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return Format("%.1f", value) + kUnits[unit];
}

}  // namespace agon
