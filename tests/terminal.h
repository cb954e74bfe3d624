// What a command writes to a pipe or a terminal, and what a terminal then shows.
#pragma once

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace agon {

// What `body` writes to stdout and stderr while they are the open file `writer`, read from
// `reader`.
inline std::string CaptureFrom(int reader, int writer, const std::function<void()>& body) {
  std::string output;
  std::thread collector([&] {
    char buffer[4096];
    ssize_t count;
    // A pseudoterminal whose other end is closed ends in an error, a pipe in 0.
    while ((count = ::read(reader, buffer, sizeof buffer)) > 0) output.append(buffer, count);
  });
  std::fflush(stdout);
  const int saved[] = {::dup(STDOUT_FILENO), ::dup(STDERR_FILENO)};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(writer, fd);
  ::close(writer);
  body();
  std::fflush(stdout);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(saved[fd - STDOUT_FILENO], fd);
    ::close(saved[fd - STDOUT_FILENO]);
  }
  collector.join();
  ::close(reader);
  return output;
}

inline std::string OnPipe(const std::function<void()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  return CaptureFrom(ends[0], ends[1], body);
}

inline std::string OnTerminal(int columns, const std::function<void()>& body,
                              const char* locale = "C.UTF-8") {
  int reader, writer;
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = 24;
  EXPECT_EQ(::openpty(&reader, &writer, nullptr, nullptr, &size), 0);
  ::setenv("TERM", "xterm", 1);
  ::setenv("LC_ALL", locale, 1);
  return CaptureFrom(reader, writer, body);
}

// A terminal that knows what Progress sends.
class Screen {
 public:
  explicit Screen(int columns) : columns_(static_cast<size_t>(columns)) {}

  void Write(std::string_view output) {
    for (size_t i = 0; i < output.size();) {
      const char c = output[i];
      if (c == '\r') {
        column_ = 0;
      } else if (c == '\n') {
        if (++row_ == rows_.size()) rows_.emplace_back();
      } else if (c == '\x1b') {
        i = Escape(output, i);
        continue;
      } else {
        size_t end = i + 1;
        while (end < output.size() && (output[end] & 0xC0) == 0x80) ++end;
        Put(std::string(output.substr(i, end - i)));
        i = end;
        continue;
      }
      ++i;
    }
  }

  // Rows without the empty ones at the end.
  std::vector<std::string> Rows() const {
    std::vector<std::string> rows;
    for (const auto& cells : rows_) {
      std::string& row = rows.emplace_back();
      for (const std::string& cell : cells) row += cell;
    }
    while (!rows.empty() && rows.back().find_first_not_of(' ') == std::string::npos) {
      rows.pop_back();
    }
    return rows;
  }
  std::string Text() const {
    std::string text;
    for (const std::string& row : Rows()) text += row + "\n";
    return text;
  }

 private:
  void Put(std::string letter) {
    if (column_ == columns_) {
      column_ = 0;
      if (++row_ == rows_.size()) rows_.emplace_back();
    }
    auto& cells = rows_[row_];
    if (cells.size() <= column_) cells.resize(column_ + 1, " ");
    cells[column_++] = std::move(letter);
  }

  // CSI sequences: [K to the end of the row, [J to the end of the screen, [nA n rows up.
  size_t Escape(std::string_view output, size_t i) {
    EXPECT_EQ(output.substr(i, 2), "\x1b[");
    const size_t end = output.find_first_not_of("0123456789", i + 2);
    if (end == std::string_view::npos) return output.size();
    const int number = std::atoi(std::string(output.substr(i + 2, end - i - 2)).c_str());
    if (output[end] == 'A') {
      EXPECT_LE(static_cast<size_t>(number), row_);
      row_ -= std::min(row_, static_cast<size_t>(number));
    } else {
      EXPECT_TRUE(output[end] == 'K' || output[end] == 'J') << output[end];
      rows_[row_].resize(std::min(rows_[row_].size(), column_));
      if (output[end] == 'J') rows_.resize(row_ + 1);
    }
    return end + 1;
  }

  const size_t columns_;
  std::vector<std::vector<std::string>> rows_ = {{}};  // letters
  size_t row_ = 0, column_ = 0;
};

// What a terminal shows each time that a bar was drawn or erased.
inline std::vector<std::string> ScreensOf(const std::string& output, int columns) {
  Screen screen(columns);
  std::vector<std::string> screens;
  for (size_t begin = 0; begin < output.size();) {
    const size_t erase = output.find("\x1b[J", begin);
    const size_t end = erase == std::string::npos ? output.size() : erase + 3;
    screen.Write(std::string_view(output).substr(begin, end - begin));
    screens.push_back(screen.Text());
    begin = end;
  }
  return screens;
}

}  // namespace agon
