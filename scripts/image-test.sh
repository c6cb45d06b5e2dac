#!/usr/bin/env bash
# Builds both images of the Dockerfile and uses them as people do: it asks them, gives them a folder of programs, and
# stops them. With Docker where its engine is running; otherwise, as root on Debian, with buildah, which it installs.
set -euo pipefail
cd "$(dirname "$0")/.."

endpoint=
clean_up() {
  local status=$?
  set +e
  [ "$status" = 0 ] || { echo 'The image test has failed. The last container wrote:' && logs; } >&2
  [ -z "$endpoint" ] || kill "$endpoint"
  engine_clean_up
  rm -rf "$work"
}
fail() {
  echo "$1" >&2
  exit 1
}

# Prints a member of an image's configuration, given as JSON, with a NUL after each item.
items() {
  node -e '
    const { Docker, ...config } = JSON.parse(fs.readFileSync(0, "utf8"))
    const value = (Docker?.config ?? config)[process.argv[1]]
    for (const item of value.Test?.slice(1) ?? [value].flat()) process.stdout.write(`${item}\0`)' "$1"
}

if docker info >/dev/null 2>&1; then
  . scripts/image/docker.sh
else
  . scripts/image/buildah.sh
fi
. scripts/image/checks.sh
work=$(mktemp -d)
trap clean_up EXIT
prepare

# A container's user must be able to read it.
chmod 755 "$work"
programs=$work/programs
mkdir "$programs"
cat >"$programs/mounted.ts" <<'PROGRAM'
import { predict, program } from 'tributary'
export default program({ mounted: predict('question -> answer') }, ({ mounted }, inputs) => mounted(inputs))
PROGRAM

# The tests' endpoint, for the image without a model. It runs until it is killed.
exec {output}< <(exec node_modules/.bin/node --input-type=module-typescript --eval "
  import { Upstream } from './test/support/upstream.ts'
  console.log((await Upstream.start()).url)")
endpoint=$!
read -r endpoint_url <&"$output"

build slim slim
build full

# The container shares this machine's network.
port=$(node -e "const s = net.createServer().listen(0, () => { console.log(s.address().port); s.close() })")
url=http://127.0.0.1:$port

echo '--- the slim image, with an endpoint and a mounted folder of programs'
start slim "PORT=$port" "OPENAI_BASE_URL=$endpoint_url" PROGRAMS=/programs
check_health
check_stream '"predictor":"mounted"' '"data":{"answer":"answer on Why?"}'
check_confinement
check_stop

echo '--- the image with the embedded model'
# One thread: several wait for each other in loops, which takes for ever beside other work.
start full "PORT=$port" LOCAL_THREADS=1
check_health
check_stream '"predictor":"compose"' '"type":"prediction"'
check_confinement
check_stop

echo '2 images passed'
