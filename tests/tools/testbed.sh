#!/usr/bin/env bash
# A real docker engine, a registry program, a base image and bubblewrap, on a bare Debian or Ubuntu
# machine, also without access to any image registry: what the tests of containers and sandboxes run
# against. Needs root. Run again, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

BASE=smallscale-test/base:bookworm
packages=()
command -v dockerd >/dev/null || packages+=(docker.io iptables)
command -v debootstrap >/dev/null || packages+=(debootstrap)
command -v docker-registry >/dev/null || packages+=(docker-registry)
command -v bwrap >/dev/null || packages+=(bubblewrap)
command -v podman >/dev/null || packages+=(podman catatonit)
if [ ${#packages[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

if ! docker info >/dev/null 2>&1; then
    # It stays: whatever else the caller holds open, a lock for one, must not stay with it.
    (
        for descriptor in /proc/self/fd/*; do
            number=${descriptor##*/}
            if [ "$number" -gt 2 ]; then eval "exec $number>&-"; fi
        done
        exec setsid dockerd --storage-driver overlay2 >/var/log/dockerd.log 2>&1 </dev/null
    ) &
    for _ in $(seq 60); do
        docker info >/dev/null 2>&1 && break
        sleep 1
    done
fi
docker info >/dev/null

# The pinned base of our images where a registry can be reached, else one made of packages.
python=$(sed -n 's/^ARG BASE_IMAGE=//p' docker/vllm-cpu.Dockerfile)
if ! docker image inspect "$BASE" >/dev/null 2>&1 && timeout 300 docker pull -q "$python" >/dev/null 2>&1; then
    docker tag "$python" "$BASE"
fi
if ! docker image inspect "$BASE" >/dev/null 2>&1; then
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    # Python comes with the base: an image of ours on it needs no second package list.
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,libnuma1 bookworm "$root" >/dev/null
    rm -rf "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" -c . | docker import - "$BASE" >/dev/null
fi
echo "container testbed: $(docker version --format 'engine {{.Server.Version}}'), base image $BASE"
