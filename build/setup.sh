#!/usr/bin/env bash
# Installs what a bare Debian 12 lacks, and only that. Arguments: base, chromium, speech, fonts.
# Without root it asks sudo once, and otherwise says what to install.
set -euo pipefail

missing=()
need() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

for part in "$@"; do
  case $part in
    base)
      need gcc build-essential; need git git; need npm npm
      ;;
    chromium)
      [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || missing+=(chromium)
      ;;
    speech) # reads the digits aloud in the browser tests
      need espeak-ng espeak-ng
      ;;
    fonts) # only for the screenshots: Chinese text without boxes
      dpkg -s fonts-noto-cjk >/dev/null 2>&1 || missing+=(fonts-noto-cjk)
      ;;
    *) echo "setup: unknown part $part" >&2; exit 2 ;;
  esac
done

if [ ${#missing[@]} -gt 0 ]; then
  echo "== installing ${missing[*]} (apt)"
  apt=(apt-get)
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
      apt=(sudo -n apt-get)
    else
      echo "setup: not root; please install: ${missing[*]}" >&2
      exit 1
    fi
  fi
  export DEBIAN_FRONTEND=noninteractive
  # The package lists of a fresh machine are empty or old: update only when the install fails.
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; }
fi

if ! command -v go >/dev/null 2>&1; then
  echo "setup: Go is missing (Debian's own is too old): install the version that go.mod names from go.dev" >&2
  exit 1
fi
major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -lt 20 ]; then
  echo "setup: Node 20 or newer is needed, found $(node --version 2>/dev/null || echo none)" >&2
  exit 1
fi
