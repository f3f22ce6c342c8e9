#!/bin/sh
# Runs the tests.
#
#     sh tests/run.sh                        all of them, on all processors: `make test`
#     sh tests/run.sh tests/body -k name     some of them, one by one: every argument goes to pytest
#     sh tests/run.sh --coverage             all of them, measured: `make coverage`
#
# Measured, the rooms through which every byte goes are held to a floor: the exit status is pytest's,
# or else that of a floor that was missed. With `CI=true` a missing program is a failure instead of a
# skipped test. FILEBODY_TEST_WORKERS says how many tests run at once.
set -eu
cd "$(dirname "$0")/.."

FLOOR_PERCENT=95

# Tests wait for other programs now and then: twice as many as processors keep those busy.
workers=${FILEBODY_TEST_WORKERS:-$(($(getconf _NPROCESSORS_ONLN) * 2))}
parallel="-n $workers --dist worksteal"

case "${1:-}" in
"")
	# shellcheck disable=SC2086 # the options are separate words
	exec python -m pytest $parallel
	;;
--coverage) ;;
*) exec python -m pytest "$@" ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Through a pipe, whose exit status in POSIX sh is that of `tee`: the other one goes by a file.
{
	status=0
	# shellcheck disable=SC2086
	python -m pytest $parallel --cov || status=$?
	echo "$status" >"$scratch/status"
} 2>&1 | tee "$scratch/output"
status=$(cat "$scratch/status")

for room in body produce; do
	missed=0
	coverage report --include="src/filebody/$room/*" --fail-under="$FLOOR_PERCENT" \
		>"$scratch/floor" || missed=$?
	echo "coverage of src/filebody/$room, at least $FLOOR_PERCENT %: $(tail -n 1 "$scratch/floor")"
	[ "$status" -ne 0 ] || status=$missed
done
# The closing line once more, where a reader of the end looks for it.
grep -E '^=+ .*(passed|failed|error).* =+$' "$scratch/output" | tail -n 1
exit "$status"
