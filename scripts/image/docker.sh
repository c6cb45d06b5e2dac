# shellcheck shell=bash
# Images and containers by Docker. scripts/image-test.sh says what the functions are for.

container=

prepare() { :; }

# A name, and the target if it isn't the last.
build() {
  docker build --tag "tributary-image-test:$1" ${2:+--target "$2"} .
}

# A name, and variables.
start() {
  local image=tributary-image-test:$1 variable
  shift
  local variables=()
  for variable; do variables+=(--env "$variable"); done
  mapfile -d '' -t healthcheck < <(docker image inspect --format '{{json .Config}}' "$image" | items Healthcheck)
  container=$(docker run --detach --read-only --network host --cap-drop ALL --security-opt no-new-privileges \
    --volume "$programs:/programs:ro" "${variables[@]}" "$image")
}

# Runs a command as root in the container.
inside() { docker exec --user 0 "$container" "$@"; }

# Sends SIGTERM. Its status is the container's exit code, or another if that takes more than so many seconds.
stop() {
  docker kill --signal TERM "$container" >/dev/null
  local code
  code=$(timeout "$1" docker wait "$container") && return "$code"
}

logs() { [ -z "$container" ] || docker logs "$container" 2>&1; }

engine_clean_up() {
  [ -z "$container" ] || docker rm --force "$container" >/dev/null
}
