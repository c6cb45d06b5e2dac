#!/usr/bin/env sh
# The Python clients of other people's protocols, in an environment of their own. They are installed once, and again when
# their list changes.
set -eu
cd "$(dirname "$0")/.."
env=.tools/vendors-python
[ "$env/installed" -nt test/vendors/requirements.txt ] && exit 0
if ! python3 -c 'import ensurepip' 2>/dev/null; then # Debian has it in a package of its own
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends python3-venv
fi
rm -rf "$env"
python3 -m venv "$env"
"$env/bin/python" -m pip install --quiet --disable-pip-version-check --requirement test/vendors/requirements.txt
touch "$env/installed"
