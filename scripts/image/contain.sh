#!/bin/sh
# Turns a process that is alone in its namespaces into a container, and becomes its command: on a root file system that
# can't be written to, as a user without privileges.
set -eu
root=$1 programs=$2 user=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$programs" "$root/programs"
mount --rbind /dev "$root/dev"
mount --types proc proc "$root/proc"
mount -o remount,bind,ro "$root/programs"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user:$user" --groups= "$root" "$@"
