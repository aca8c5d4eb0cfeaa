# The published image: the binary, CA roots, and one static busybox as /bin/sh for `run` tasks and for GitLab.
# No USER and no WORKDIR: GitHub runs container actions as root in /github/workspace.
FROM rust:1.95.0-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# mimalloc and ring are C. Debian's current versions are wanted: they only have to be patched, not to be the same.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends binutils busybox-static ca-certificates musl-tools \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY . .
RUN target="$(uname -m)-unknown-linux-musl" \
 && TARGET_CC=musl-gcc cargo build --locked --profile dist --target "$target" --bin iter8 \
 && tests/container/rootfs.sh "target/$target/dist/iter8" /etc/ssl/certs/ca-certificates.crt /bin/busybox /rootfs

FROM scratch
COPY --from=build /rootfs/ /
ENV PATH=/usr/local/bin:/usr/bin:/bin
LABEL org.opencontainers.image.title="iter8" \
      org.opencontainers.image.description="Load-test a URL in CI and judge its service-level objectives" \
      org.opencontainers.image.source="https://github.com/iter8-tools/iter8-action" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/iter8"]
