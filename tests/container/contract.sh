#!/usr/bin/env bash
# Runs the image as GitHub's runner, GitLab's runner and Tekton do, and checks what they would see.
# usage: contract.sh BINARY      (static; needs podman, buildah, runc, busybox-static, python3 with PyYAML; root)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/build-image.sh" "$1"
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$here/env.sh"
work=$(mktemp -d)
python3 "$here/server.py" "$work/port" &
server=$!
cleanup() {
  kill "$server" && wait "$server" || true
  rm -rf "$work"
} 2> /dev/null
trap cleanup EXIT
shared=(--network host --env CI=true)
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
target=http://127.0.0.1:$(cat "$work/port")

failures=0
check() { # DESCRIPTION WANTED FOUND
  if [ "$2" = "$3" ]; then echo "ok: $1"; else
    echo "FAILED: $1: wanted '$2', found '$3'" >&2
    failures=$((failures + 1))
  fi
}

# action CASE NAME=VALUE…: one step with these inputs; sets `code`, and leaves log, outputs and summary in $work/CASE.
action() {
  step=$work/$1
  shift
  mkdir -p "$step"/{workspace,home,workflow,temp,commands}
  cp "$here/hostile.yaml" "$step/workspace/"
  : > "$step/commands/output"
  : > "$step/commands/summary"
  echo '{"number": 7, "pull_request": {"number": 7, "head": {"sha": "0123456789abcdef0123456789abcdef01234567"}}}' \
    > "$step/workflow/event.json"
  # On a hosted runner everything belongs to the runner's user; the container is root.
  chown -R 1001 "$step"
  local inputs=()
  for input in "$@"; do inputs+=(--env "INPUT_$input"); done
  code=0
  podman run --rm "${shared[@]}" --workdir /github/workspace \
    --env GITHUB_ACTIONS=true --env HOME=/github/home \
    --env GITHUB_WORKSPACE=/github/workspace --env GITHUB_REPOSITORY=acme/shop --env GITHUB_RUN_ID=1 \
    --env GITHUB_EVENT_NAME=pull_request --env GITHUB_EVENT_PATH=/github/workflow/event.json \
    --env GITHUB_OUTPUT=/github/file_commands/output --env GITHUB_STEP_SUMMARY=/github/file_commands/summary \
    --env RUNNER_TEMP=/github/runner_temp --env "TARGET=$target" \
    --env INPUT_SUMMARY=true --env INPUT_COMMENT=never --env INPUT_PULLREQUEST=never \
    --env INPUT_VALIDATESLOS=true --env INPUT_LOGLEVEL=info --env INPUT_TOKEN=ghs_0123456789 "${inputs[@]}" \
    -v "$step/workspace:/github/workspace" -v "$step/home:/github/home" -v "$step/workflow:/github/workflow" \
    -v "$step/temp:/github/runner_temp" -v "$step/commands:/github/file_commands" \
    localhost/iter8 action > "$step/log" 2>&1 || code=$?
}

# The value of an output, read as the runner reads the file.
output() {
  awk -v want="$1" '
    end != "" { if ($0 == end) { end = "" } else if (name == want) { print }; next }
    /^[^=]*<</ { name = $0; sub(/<<.*/, "", name); end = $0; sub(/^[^<]*<</, "", end); next }
    index($0, want "=") == 1 { print substr($0, length(want) + 2) }' "$step/commands/output"
}

# The names of all outputs.
output_names() {
  awk '
    end != "" { if ($0 == end) { end = "" }; next }
    /^[^=]*<</ { name = $0; sub(/<<.*/, "", name); print name; end = $0; sub(/^[^<]*<</, "", end); next }
    { sub(/=.*/, ""); print }' "$step/commands/output"
}
declared=$(awk '/^outputs:/ { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [^ ]/ { sub(/:.*/, ""); print $1 }' "$here/../../action.yml")

# What the runner would obey: lines with a command outside of a stop-commands block.
obeyed() {
  tr '\r' '\n' < "$step/log" | awk '
    token != "" { if ($0 == "::" token "::") { token = "" }; next }
    /^[ \t]*::stop-commands::/ { print; token = $0; sub(/^.*::stop-commands::/, "", token); next }
    /^[ \t]*::/ || /##\[/ { print }'
}

# Commands that are not ours: text from outside as the name, a property or the beginning of the data. Ours may quote it.
forged() { obeyed | grep -E '^[ \t]*::[^:]*(::)?forged|^[ \t]*[^: \t].*##\[|^[ \t]*##\[' || true; }

# Other systems than GitHub look for theirs anywhere.
elsewhere() { grep -iE '##(vso|teamcity)?\[' "$1" | grep -v '^::' || true; }

harmless() { # WHAT OUTCOME
  check "$1: it is in the log" yes "$(grep -q forged "$step/log" && echo yes)"
  check "$1: it is in the summary" yes "$(grep -q forged "$step/commands/summary" && echo yes)"
  check "$1: it issues no command" '' "$(forged)"
  check "$1: it issues none elsewhere" '' "$(elsewhere "$step/log")"
  check "$1: it sets no output" "$2 false" "$(output outcome) $(output passed)"
  check "$1: it adds no output" '' "$(output_names | grep -vxF "$declared" || true)"
}

action pass "URL=$target" NUMREQUESTS=20 QPS=200 'SLOS=http/error-rate <= 0'
check 'a run that keeps its objectives exits with 0' 0 "$code"
check 'it says so' 'pass true 20' "$(output outcome) $(output passed) $(output requests)"
check 'its metrics are JSON' 'dict' "$(output metrics | python3 -c 'import json, sys; print(type(json.load(sys.stdin)).__name__)')"
check 'it has a summary' yes "$([ -s "$step/commands/summary" ] && echo yes)"
check 'later steps can read the result' 644 "$(stat -c %a "$step/workspace/$(output resultFile)")"
check 'later steps can read the report' 644 "$(stat -c %a "$step/workspace/$(output reportFile)")"
check 'its outputs are those of action.yml' "$(sort <<< "$declared")" "$(output_names | sort)"

action fail "URL=$target" NUMREQUESTS=20 QPS=200 'SLOS=http/latency-p95 <= 0ms'
check 'a broken objective exits with 1' 1 "$code"
check 'it says so' 'fail false' "$(output outcome) $(output passed)"
check 'it is annotated' yes "$(obeyed | grep -q '^::error ' && echo yes)"

action unjudged "URL=$target" NUMREQUESTS=20 QPS=200 SUMMARY=false
check 'a run without objectives passes' '0 pass' "$code $(output outcome)"
check 'no summary was wanted' '' "$(cat "$step/commands/summary")"

action closed URL=http://127.0.0.1:9 NUMREQUESTS=5 READYTIMEOUT=1s
check 'a target that is not there exits with 3' '3 error' "$code $(output outcome)"

action wrong "URL=$target" ONINCONCLUSIVE=perhaps
check 'a wrong input exits with 2' 2 "$code"
check 'the input is named' yes "$(grep -q onInconclusive "$step/log" && echo yes)"

action nothing
check 'nothing to test exits with 2' 2 "$code"

# Text from outside where iter8 shows it. First that it is shown, or the rest would say nothing.
action limit "URL=$target/limit" NUMREQUESTS=5 READYTIMEOUT=1s
harmless 'Retry-After' error
action moved "URL=$target/moved" NUMREQUESTS=5 READYTIMEOUT=1s
harmless 'Location' error
action header EXPERIMENT=hostile.yaml
harmless 'a header and a script' fail
check 'the script was run' yes "$(grep -q 'passed=forged' "$step/log" && echo yes)"

podman run --rm "${shared[@]}" --env TF_BUILD=True localhost/iter8 run --url "$target/limit" --numRequests 5 \
  --readyTimeout 1s --outputDir /tmp/iter8-results > "$work/azure.log" 2>&1 || true
check 'Azure Pipelines: it is in the log' yes "$(grep -q 'task.complete result=Succeeded' "$work/azure.log" && echo yes)"
check 'Azure Pipelines: it issues no command' '' "$(elsewhere "$work/azure.log")"

# As process 1 there is no default action: a signal that is not handled is ignored until the runner kills the container.
# terminate NAME SIGN LIMIT ARGUMENT…: sends SIGTERM once SIGN is in the log (or at once); sets `code` and `soon`.
terminate() {
  local name=$1 sign=$2 limit=$3 process sent
  shift 3
  mkdir -p "$work/$name"
  podman run --rm --name "iter8-$name-$$" "${shared[@]}" -v "$work/$name:/results" localhost/iter8 "$@" \
    --outputDir /results > "$work/$name/log" 2>&1 &
  process=$!
  for _ in $(seq 100); do
    podman container exists "iter8-$name-$$" && { [ -z "$sign" ] || grep -q "$sign" "$work/$name/log"; } && break
    sleep 0.1
  done
  sleep 1
  sent=$(date +%s%N)
  # SIGTERM, and SIGKILL after 10 s, as runners do; podman warns when it came to that.
  podman stop --time 10 "iter8-$name-$$" > /dev/null || true
  code=0
  wait "$process" || code=$?
  soon=$([ $((($(date +%s%N) - sent) / 1000000)) -le $((limit * 1000)) ] && echo soon || echo late)
}
terminate load 'task 2/2' 5 run --url "$target" --duration 60s --qps 50
check 'a run that is terminated ends in time' '143 soon' "$code $soon"
check 'its result says so' interrupted \
  "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["outcome"])' "$work/load/result.json")"
terminate assert '' 2 assert -c completed --timeout 20s
check 'an assert that waits and is terminated ends in time' '143 soon' "$code $soon"

# GitLab's runner clears the entry point and looks for a shell; scripts find iter8 and the usual tools.
found=$(podman run --rm --entrypoint '' localhost/iter8 \
  /bin/sh -c '[ -x /bin/sh ] && command -v iter8 && printf a,b | cut -d, -f2 && ls -ld /tmp | cut -c1-10' | tr '\n' ' ')
check 'the image has a shell' '/bin/iter8 b drwxrwxrwt ' "$found"

# Tekton: the Task's step as its pod runs it, as a user without rights on a root file system that cannot be written.
# step NAME ARGUMENT…: sets `code`; the results are in $work/NAME.
step() {
  local results=$work/$1 line
  shift
  mkdir "$results"
  chown 65532 "$results"
  mapfile -t line < <(python3 "$here/tekton.py" "$here/../../tekton/task.yaml" "$results" localhost/iter8 "$target" "$@")
  code=0
  podman run --rm --network host "${line[@]}" > "$results.log" 2>&1 || code=$?
}
step kept --numRequests 20 --qps 200 --slo 'http/error-rate <= 0'
check 'it runs without rights' 0 "$code"
check 'results have no newline' '4 pass' "$(wc -c < "$work/kept/outcome") $(cat "$work/kept/outcome")"
check 'passed and requests are results' 'true 20' "$(cat "$work/kept/passed") $(cat "$work/kept/requests")"
step broken --numRequests 20 --qps 200 --slo 'http/latency-p95 <= 0ms'
check 'a broken objective fails the step, with results' '1 fail false' "$code $(cat "$work/broken/outcome") $(cat "$work/broken/passed")"
step mistaken --qps fast
check 'so does a mistake' '2 error false' "$code $(cat "$work/mistaken/outcome") $(cat "$work/mistaken/passed")"

if [ "$failures" -gt 0 ]; then
  # Prefixed, or this job's own runner would obey what is in them.
  tail -n 40 "$work"/*/log "$work"/*.log | sed 's/##/# #/g; s/^/| /' >&2
  exit 1
fi
