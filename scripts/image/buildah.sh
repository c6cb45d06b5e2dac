# shellcheck shell=bash
# Images by buildah, and containers by namespaces and chroot, for machines without an engine, such as CI's own
# containers. scripts/image-test.sh says what the functions are for.

supervisor=
log=/dev/null

# What the script mounts is its own, and goes with it.
if [ "$(id -u)" = 0 ] && [ -z "${HAS_OWN_MOUNTS-}" ]; then
  HAS_OWN_MOUNTS=yes exec unshare --mount bash scripts/image-test.sh
fi

# Everything is kept in the working folder. vfs is the driver that needs nothing of the kernel or the file system.
in_storage() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

prepare() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail 'To test the images, start a Docker engine; or be root on Debian, where buildah is used.'
  fi
  if ! type buildah mmdebstrap curl >/dev/null 2>&1; then
    echo 'No Docker engine is running. Installing with apt-get: buildah (builds the images), mmdebstrap (makes their base images), curl (asks them)' >&2
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends buildah mmdebstrap curl >/dev/null
  fi
  # In memory, if there is plenty (in kB): vfs copies some hundred thousand files, and a disk is slow with that.
  if [ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -gt 12000000 ]; then
    mount --types tmpfs --options size=8g tmpfs "$work"
  fi
  # shellcheck source=scripts/image/base-images.sh
  . scripts/image/base-images.sh
  make_base_images
}

# A name, and the target if it isn't the last.
build() {
  # The build reaches packages as this machine does: with its certificates, its settings of npm and pip, its proxy, and
  # what npm has fetched before.
  local cache home options variable
  cache=$(npm config get cache)
  mkdir -p "$cache"
  home=~root # the same in the image: both are Debian
  options=(--volume "$cache:$home/.npm")
  option() { [ ! -e "$1" ] || options+=(--volume "$1:$2:ro"); }
  option /etc/ssl/certs /etc/ssl/certs
  option /etc/pip.conf /etc/pip.conf
  option "$(npm config get globalconfig)" /usr/local/etc/npmrc
  option "$(npm config get userconfig)" "$home/.npmrc"
  for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!variable-}" ] || options+=(--build-arg "$variable=${!variable}")
  done
  # Docker's format, since the other one has no HEALTHCHECK.
  in_storage build --quiet --isolation chroot --pull=never --format docker "${options[@]}" \
    --tag "tributary:$1" ${2:+--target "$2"} . >/dev/null
}

# A name, and variables.
start() {
  local image=tributary:$1 container root user folder command environment
  shift
  container=$(in_storage from --pull=never "$image")
  root=$(in_storage mount "$container")
  in_storage inspect "$container" >"$work/config"
  mapfile -d '' -t healthcheck < <(items Healthcheck <"$work/config")
  mapfile -d '' -t environment < <(items Env <"$work/config")
  mapfile -d '' -t command < <(items Cmd <"$work/config")
  mapfile -d '' -t user < <(items User <"$work/config")
  mapfile -d '' -t folder < <(items WorkingDir <"$work/config")
  mkdir "$root/programs"
  log=$work/log
  unshare --mount --pid --fork --kill-child sh scripts/image/contain.sh "$root" "$programs" "${user[0]}" \
    env -i --chdir="${folder[0]}" "${environment[@]}" "$@" "${command[@]}" >"$log" 2>&1 &
  supervisor=$!
  # As the engine would give them to a health check.
  variables=("${environment[@]}" "$@")
}

# The first process of the container, by this machine's number.
first_process() { tr -d ' ' <"/proc/$supervisor/task/$supervisor/children"; }

# Runs a command as root in the container.
inside() { nsenter --target "$(first_process)" --mount --pid --root --wd env -i "${variables[@]}" "$@"; }

# Sends SIGTERM. Its status is the container's exit code, or another if that takes more than so many seconds.
stop() {
  local first code=0 guard
  first=$(first_process)
  { sleep "$1" && kill -KILL "$first"; } 2>/dev/null &
  guard=$!
  kill -TERM "$first"
  wait "$supervisor" || code=$?
  supervisor=
  kill "$guard" 2>/dev/null || true
  return "$code"
}

logs() { cat "$log"; }

engine_clean_up() {
  [ -z "$supervisor" ] || kill -KILL "$supervisor"
  # At once, where removing the files would take as long as a build.
  umount --lazy "$work" 2>/dev/null
}
