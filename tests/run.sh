#!/bin/sh
# Runs the tests and measures what they cover.
#
#     sh tests/run.sh                          all of them; this is what `make test` does
#     sh tests/run.sh tests/body -k name       some of them: every argument goes to pytest
#
# A full run also holds the rooms through which every byte goes to their floors. The exit status is
# pytest's, or else that of a floor that was missed. Pytest's closing line is repeated at the end.
# With `CI=true` a missing program is a failure instead of a skipped test.
set -eu
cd "$(dirname "$0")/.."

FLOOR_PERCENT=95

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

coverage erase
# Through a pipe, whose exit status in POSIX sh is that of `tee`: the other one goes by a file.
{
	status=0
	coverage run -m pytest "$@" || status=$?
	echo "$status" >"$scratch/status"
} 2>&1 | tee "$scratch/output"
status=$(cat "$scratch/status")

coverage combine --quiet || true # tests of no room of ours measure nothing
echo
echo "Coverage, lines and branches"
coverage report || true

if [ "$#" -eq 0 ]; then
	for room in body produce; do
		echo
		echo "Floor for src/filebody/$room: $FLOOR_PERCENT %"
		missed=0
		coverage report --include="src/filebody/$room/*" --fail-under="$FLOOR_PERCENT" \
			>"$scratch/floor" || missed=$?
		tail -n 2 "$scratch/floor"
		if [ "$missed" -ne 0 ]; then
			echo "FAILED: src/filebody/$room is covered less than it must be"
			[ "$status" -ne 0 ] || status=$missed
		fi
	done
fi

echo
grep -E '^=+ .* =+$' "$scratch/output" | tail -n 1
exit "$status"
