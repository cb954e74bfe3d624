#!/usr/bin/env bash
# Installs the Debian packages that agon needs. Quick when everything is there.
#
# Usage: scripts/deps.sh [--dev]
#   --dev  also what the checks of .ci/run and the preset tsan need: clang and its tools
#
# As root it installs; otherwise through sudo; without sudo it prints what to install.
set -euo pipefail

packages=(
  # build: compiler, CMake, a generator, how CMake finds two of the libraries
  g++ cmake ninja-build pkg-config
  # faster rebuilds and links; CMake uses them where they are
  ccache mold
  # JSON, TOML, flags
  nlohmann-json3-dev libtomlplusplus-dev libcli11-dev
  # big integers for the math grader; HTTP and WebSockets (header-only)
  libboost-dev
  # the arena's and the caches' database
  libsqlite3-dev
  # SHA-256 and HMAC
  libssl-dev
  # Unicode classes, HTML
  libutf8proc-dev libgumbo-dev
  # regular expressions over hostile text
  libre2-dev
  # training on several processes
  libopenmpi-dev openmpi-bin
  # the sandbox for untrusted programs; python3 runs inside it
  libseccomp-dev python3
  # benchmarks: the machine's ceiling for matrix products
  libdnnl-dev
  # tests: GoogleTest; fibers for the CUDA emulator; Python (above) runs the tests of scripts/
  libgtest-dev libboost-context-dev
  # text that the quickstart learns from: Python's library and manual, WordNet's glosses
  python3-doc wordnet-base
)
dev_packages=(
  clang-format clang-tidy
  # ThreadSanitizer with an OpenMP runtime that it understands; libFuzzer
  clang libomp-dev libclang-rt-14-dev
  # the arena's page in a browser, with a font for Korean
  chromium chromium-driver fonts-noto-cjk
)

case "${1:-}" in
  "") ;;
  --dev) packages+=("${dev_packages[@]}") ;;
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "deps.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
esac

if ! command -v dpkg-query > /dev/null; then
  echo "deps.sh: not a Debian system, so nothing was checked. agon needs what these packages" >&2
  echo "of Debian 12 hold: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
install_line="apt-get install -y --no-install-recommends ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  # Without a terminal nobody can type a password.
  if command -v sudo > /dev/null && { [ -t 0 ] || sudo -n true 2> /dev/null; }; then
    as_root=(sudo)
  else
    echo "deps.sh: not root and no sudo here. Ask an administrator to run:" >&2
    echo "  apt-get update && $install_line" >&2
    exit 1
  fi
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install_line
