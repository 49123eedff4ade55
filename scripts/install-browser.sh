#!/usr/bin/env bash
# Installs Chromium for test/browser where there is none. Its tests skip where this fails.
set -euo pipefail
command -v chromium >/dev/null && exit 0
command -v apt-get >/dev/null || { echo "no apt-get: browser tests will be skipped" >&2; exit 0; }

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
$sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
  echo "chromium cannot be installed: browser tests will be skipped" >&2
