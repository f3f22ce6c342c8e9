#!/bin/sh
# Runs the tests.
#
#     sh tests/run.sh                        all of them, several at once: `make test`
#     sh tests/run.sh tests/body -k name     some of them, one by one: every argument goes to pytest
#     sh tests/run.sh --coverage             all, with coverage and its floors: `make coverage`
#     sh tests/run.sh --long                 the long form of those that have one, then all of them
#                                            five times in random order: `make test-long`
#
# Environment:
#
#     CI=true                       a missing program is a failure instead of skipped tests
#     FILEBODY_TEST_PEERS=none      no program is found that the tests talk to
#     FILEBODY_TEST_WORKERS=4       tests at once
#     FILEBODY_TEST_ORDER=random    another order each time; pytest prints the seed that repeats it
#     FILEBODY_TEST_ROUNDS=5        how many times `--long` runs all tests
#     FILEBODY_TEST_LONG=1          tests have their long form
#     FILEBODY_TEST_AGAIN=1         only what failed in the last run
#
# The exit status is pytest's, or else that of a floor that was missed.
set -eu
cd "$(dirname "$0")/.."

FLOOR_PERCENT=95
LONG_TIMEOUT_SECONDS=900

# Tests start Python hundreds of times, which must not compile everything each time.
unset PYTHONDONTWRITEBYTECODE

# One more than processors: some tests wait for timers or for other programs.
workers=${FILEBODY_TEST_WORKERS:-$(($(getconf _NPROCESSORS_ONLN) + 1))}

all() {
	order=""
	[ "${FILEBODY_TEST_ORDER:-}" != random ] || order="-p randomly"
	# shellcheck disable=SC2086 # the options are separate words
	python -m pytest -n "$workers" --dist worksteal $order ${FILEBODY_TEST_AGAIN:+--lf --lfnf=none} "$@"
}

long() {
	status=0
	FILEBODY_TEST_LONG=1 all -m long --timeout "$LONG_TIMEOUT_SECONDS" || status=$?
	round=0
	while [ "$round" -lt "${FILEBODY_TEST_ROUNDS:-5}" ]; do
		round=$((round + 1))
		echo
		echo "All tests in random order, round $round"
		FILEBODY_TEST_ORDER=random all || status=$?
	done
	return "$status"
}

covered() {
	status=0
	all --cov || status=$?
	for room in body produce; do
		missed=0
		floor=$(coverage report --include="src/filebody/$room/*" --fail-under="$FLOOR_PERCENT") ||
			missed=$?
		total=$(echo "$floor" | grep '^TOTAL')
		echo "src/filebody/$room, at least $FLOOR_PERCENT % covered: $total"
		[ "$status" -ne 0 ] || status=$missed
	done
	return "$status"
}

case "${1:-}" in
"") all ;;
--coverage) covered ;;
--long) long ;;
*) python -m pytest "$@" ;;
esac
