# shellcheck shell=bash
# What has to hold of a container that was started. Each check ends the script if it doesn't.

# Seconds. DRAIN_MS is 10,000, and no stream is open.
DRAIN=10

ask() { curl --silent --show-error --noproxy '*' --max-time 180 "$@"; }

check_health() {
  # It may take a while until the model is loaded. Refused connections and 503 are asked again, each second.
  ask --fail --retry 60 --retry-delay 1 --retry-all-errors --output /dev/null "$url/readyz" 2>"$work/retries" ||
    fail "/readyz: $(tail -1 "$work/retries")"
  [ "$(ask --fail "$url/livez")" = '{"status":"ok"}' ] || fail '/livez has another answer'
  inside "${healthcheck[@]}" || fail 'HEALTHCHECK fails'
  echo 'ok: /readyz, /livez, HEALTHCHECK'
}

# What the stream must contain, each in quotes of its own.
check_stream() {
  ask --fail --no-buffer "$url/v1/stream" -H 'content-type: application/json' -d '{"question": "Why?"}' >"$work/stream" ||
    fail 'POST /v1/stream fails'
  local words
  for words; do
    grep -qF "$words" "$work/stream" || fail "The stream has no $words: $(tail -c 1000 "$work/stream")"
  done
  [ "$(tail -n 2 "$work/stream")" = 'data: [DONE]' ] || fail "The stream ends in $(tail -n 2 "$work/stream")"
  echo "ok: POST /v1/stream, $(grep -c ^data: "$work/stream") events"
}

check_confinement() {
  [ "$(inside stat --format %u /proc/1)" = 1000 ] || fail 'The first process is not of user 1000'
  local path
  for path in /app /tmp; do
    # Even root may not.
    if inside touch "$path/written" 2>"$work/written"; then fail "$path can be written to"; fi
    grep -q 'Read-only file system' "$work/written" || fail "$path: $(cat "$work/written")"
  done
  echo 'ok: user 1000, read-only file system'
}

check_stop() {
  local code=0
  stop "$DRAIN" || code=$?
  [ "$code" = 0 ] || fail "SIGTERM ends it with code $code, or not within $DRAIN s"
  grep -qF '"msg":"stopped"' <<<"$(logs)" || fail 'It was stopped without a word'
  echo 'ok: SIGTERM'
}
