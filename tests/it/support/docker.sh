#!/bin/sh
# docker, as far as the jobs of the examples use it: what the image would do is done here.
[ "$1" = run ] || { echo "docker $1 is not known" >&2; exit 125; }
shift
while :; do
  case $1 in
    --rm) shift ;;
    --user | -w) shift 2 ;;
    -v) [ "$2" = "$PWD:/work" ] || { echo "a volume $2" >&2; exit 125; }; shift 2 ;;
    -e) shift 2 ;;
    -*) echo "docker run has no $1 here" >&2; exit 125 ;;
    ghcr.io/iter8-tools/iter8-action:*) shift; break ;;
    *) echo "an image $1" >&2; exit 125 ;;
  esac
done
exec iter8 "$@"
