#!/usr/bin/env bash
# Prints the bill of materials of the program (CycloneDX, JSON): the crates that Cargo.lock gives it on any platform, also
# those that only its build uses. What the image has besides, such as busybox, is not in it.
# usage: sbom.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The same tree has the same number.
sum=$(sha256sum Cargo.lock | cut -c1-32)
uuid=${sum:0:8}-${sum:8:4}-5${sum:13:3}-8${sum:17:3}-${sum:20:12}
cargo tree --locked --edges normal,build --target all --prefix none --format '{p}|{l}' |
  sed 's/ (\*)$//' | LC_ALL=C sort -u |
  jq --raw-input --null-input --arg version "$version" --arg uuid "$uuid" '
    def component: capture("^(?<name>[^ ]+) v(?<version>[^ |]+)[^|]*\\|(?<license>.*)$");
    [inputs | component | select(.name != "iter8")] as $crates
    | {
        bomFormat: "CycloneDX", specVersion: "1.5", version: 1, serialNumber: "urn:uuid:\($uuid)",
        metadata: {component: {type: "application", name: "iter8", version: $version, "bom-ref": "iter8"}},
        components: [$crates[] | {
          type: "library", name, version, "bom-ref": "pkg:cargo/\(.name)@\(.version)", purl: "pkg:cargo/\(.name)@\(.version)"
        } + if .license == "" then {} else {licenses: [{expression: (.license | gsub(" *(/| OR ) *"; " OR "))}]} end]
      }'
