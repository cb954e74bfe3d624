#include "envs/sandbox/box/embedded.h"

// AGON_ZYGOTE_LIBRARY is a built file, AGON_BOX_SOURCES this folder.
#define AGON_EMBED(name, path)   \
  asm(".section .rodata\n" #name \
      "_begin:\n"                \
      ".incbin \"" path "\"\n" #name "_end:\n.byte 0\n.previous\n")

AGON_EMBED(agon_zygote_library, AGON_ZYGOTE_LIBRARY);
AGON_EMBED(agon_zygote_script, AGON_BOX_SOURCES "/zygote.py");
AGON_EMBED(agon_python_files_script, AGON_BOX_SOURCES "/python_files.py");

extern "C" {
extern const char agon_zygote_library_begin[], agon_zygote_library_end[];
extern const char agon_zygote_script_begin[], agon_zygote_script_end[];
extern const char agon_python_files_script_begin[], agon_python_files_script_end[];
}

namespace agon::envs::box {
namespace {

std::string_view View(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::string_view ZygoteLibrary() {
  return View(agon_zygote_library_begin, agon_zygote_library_end);
}
std::string_view ZygoteScript() { return View(agon_zygote_script_begin, agon_zygote_script_end); }
std::string_view PythonFilesScript() {
  return View(agon_python_files_script_begin, agon_python_files_script_end);
}

}  // namespace agon::envs::box
