#!/bin/sh
# Validates the manifests for Kubernetes against its schemas, which kubernetes-validate's wheel carries. It and what it
# needs go into the ignored folder .tools.
set -eu
cd "$(dirname "$0")/.."
export PYTHONPATH=.tools/kubernetes
python3 -m pip install -q --disable-pip-version-check --upgrade --target "$PYTHONPATH" kubernetes-validate==1.37.0
# The oldest release in which preStop may sleep without being asked for it, and the newest.
python3 -m kubernetes_validate --strict -k 1.30 -k 1.37 deploy/kubernetes/*.yaml
