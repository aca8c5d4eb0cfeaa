#!/usr/bin/env bash
# Runs the workflows of ../../examples/workflows with act, as GitHub would after each event, against a loopback GitHub.
# usage: examples.sh BINARY      (static; needs podman, buildah, runc, busybox-static, git, python3; root)
# Stands in: the store of artifacts, `gh` (there is no network), and the pace (200 requests a second, or this takes minutes).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/build-image.sh" "$1"
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$here/env.sh"
work=$(mktemp -d)
started=()
# shellcheck disable=SC2329
cleanup() {
  for process in "${started[@]}"; do kill "$process" && wait "$process" || true; done
  rm -rf "$work"
} 2> /dev/null
trap cleanup EXIT
# shellcheck source-path=SCRIPTDIR source=act-env.sh
. "$here/act-env.sh"

mkdir -p "$work"/{action,artifacts,events}
sed 's|^  image: .*|  image: docker://localhost/iter8:latest|' "$here/../../action.yml" > "$work/action/action.yml"
cp -r "$here/examples/upload" "$here/examples/download" "$work/"
for folder in action upload download; do commit_all "$work/$folder"; done
repository=$work/repository
mkdir -p "$repository/.github/workflows"
for file in "$here"/../../examples/workflows/*.yml; do
  sed 's/qps: 50$/qps: 200/' "$file" > "$repository/.github/workflows/$(basename "$file")"
done
commit_all "$repository"

# What `gh run download` gives is the artifact of the last run here.
cat > "$work/bin/gh" <<'GH'
#!/usr/bin/env bash
case "$1 $2" in
  "run list") echo 1 ;;
  "run download") cp -r "$ARTIFACTS/iter8" "$7" ;;
  "api "*) echo 89abcdef0123456789abcdef0123456789abcdef ;;
esac
GH
chmod +x "$work/bin/gh"

python3 "$here/examples/github.py" "$work/port" "$work/state.json" 2> "$work/github.log" &
started+=($!)
wait_for "$work/port"
github=http://127.0.0.1:$(cat "$work/port")
python3 "$here/examples/events.py" "$work/events" "$github"

failures=0
cd "$repository"
# What stands in for actions of GitHub's own, at the commit that the workflows name.
stand_ins=()
while read -r action commit; do
  stand_ins+=(--local-repository "$action@$commit=$work/$(case $action in *upload*) echo upload ;; *) echo download ;; esac)")
done < <(sed -nE 's|.*uses: (actions/(up\|down)load-artifact)@([0-9a-f]+).*|\1 \3|p' "$repository"/.github/workflows/*.yml | sort -u)
# run EVENT CASE WORKFLOW TOKEN: one run; its log is $work/CASE.log, its exit code `code`.
run() {
  code=0
  run_act "$1" -W ".github/workflows/$3" -e "$work/events/$2.json" -s "GITHUB_TOKEN=$4" --actor octocat \
    --env "GITHUB_API_URL=$github" --env GITHUB_RUN_ID="$((++number))" --env "ARTIFACTS=$work/artifacts" \
    --local-repository "iter8-tools/iter8-action@v1=$work/action" \
    "${stand_ins[@]}" \
    > "$work/$2.log" 2>&1 || code=$?
}
number=100
# expect WHAT PYTHON: an expression over `comments`, `statuses`, `code` and `log`.
expect() {
  if python3 - "$work/state.json" "$code" "$log" "$2" <<'PYTHON'; then echo "ok: $1"; else failures=$((failures + 1)); echo "FAILED: $1" >&2; fi
import json, sys
state, code, log, text = sys.argv[1:]
names = json.load(open(state)) | {"code": int(code), "log": open(log, errors="replace").read()}
ok = eval(text, {}, names)
if not ok:
    print(json.dumps(names["statuses"]), [(comment["changes"], comment["body"][:300]) for comment in names["comments"]], file=sys.stderr)
sys.exit(not ok)
PYTHON
}
own() { log=$work/$1.log; if [ "$code" -ne "$2" ]; then cat "$log"; fi; expect "$1 exits $2" "code == $2"; }

run deployment_status preview preview.yml write-0123456789
own preview 0
expect 'preview: one comment, on the pull request of the commit' "len(comments) == 1 and 'key=Preview%20/%20preview' in comments[0]['body'].replace('+', '%20')"
expect 'preview: pending, then success, on the head' "[(s['state'], s['context']) for s in statuses] == [('pending', 'iter8/slo (preview)'), ('success', 'iter8/slo (preview)')]"

run push push load-test.yml write-0123456789
own push 0
expect 'push: results are kept' "log.count('Success - Main actions/upload-artifact') == 1"

run pull_request pull load-test.yml write-0123456789
own pull 0
expect 'pull request: a comment of its own, beside the last result of the merge base' "len(comments) == 2 and 'Beside the last result of the base' in comments[1]['body']"

run pull_request fork load-test.yml read-0123456789
own fork 0
expect 'fork: nothing is written, nothing fails' "len(comments) == 2 and comments[1]['changes'] == 0"

touch "$work/state.json.broken"
run pull_request pull load-test.yml write-0123456789
own pull 1
expect 'pull request, broken: the comment is changed in place' "len(comments) == 2 and comments[1]['changes'] == 1 and '❌' in comments[1]['body']"
expect 'pull request, broken: the status' "statuses[-1]['state'] == 'failure' and statuses[-1]['context'] == 'iter8/slo'"
expect 'pull request, broken: results are kept all the same' "'Success - Main actions/upload-artifact' in log"
rm "$work/state.json.broken"

run workflow_run publish publish.yml write-0123456789
own publish 0
expect 'publish: the comment of the fork' "len(comments) == 3"
expect 'publish: of what the run measured' "'❌' in comments[2]['body']"
expect 'publish: its status on the head' "statuses[-1]['context'] == 'iter8/slo-of-fork' and statuses[-1]['sha'] == '0123456789abcdef0123456789abcdef01234567'"
exit "$((failures > 0))"
