# shellcheck shell=bash
# Stand-ins for the base images that the Dockerfile names, for machines that reach no registry of images: Debian from its
# own packages, and Node and npm as they are installed here. The builds find them in the storage under the same names.

make_base_images() {
  # The version that the Dockerfile names is the one that the service is developed with.
  grep -qF "FROM node:$(node_modules/.bin/node -p 'process.version.slice(1)')-bookworm-slim " Dockerfile ||
    fail "The Dockerfile doesn't build on the Node of package.json"

  # What Node's and Python's own images have, without documentation.
  mmdebstrap --quiet --variant=essential --include=python3-pip,ca-certificates,libatomic1,libstdc++6 \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$work/debian.tar"

  local image npm
  image=$(in_storage from scratch)
  in_storage add --quiet "$image" "$work/debian.tar" / >/dev/null
  rm "$work/debian.tar"
  commit "$image" python

  image=$(in_storage from --pull=never "$(name_of python)")
  in_storage copy --quiet "$image" node_modules/node/bin/node /usr/local/bin/node >/dev/null
  # Where the command leads, since what npm itself says depends on which Node runs it.
  npm=$(dirname "$(dirname "$(readlink --canonicalize "$(command -v npm)")")")
  in_storage copy --quiet "$image" "$npm" /usr/local/lib/node_modules/npm >/dev/null
  in_storage run --isolation chroot "$image" sh -c '
    rm /usr/bin/python3*
    ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
    echo node:x:1000:1000::/home/node:/bin/sh >>/etc/passwd'
  commit "$image" node
}

# The name with its tag, as the Dockerfile has it.
name_of() { grep -om1 "^FROM $1:[^ ]*" Dockerfile | sed 's/^FROM //'; }

commit() { in_storage commit --quiet --rm "$1" "$(name_of "$2")" >/dev/null; }
