#!/usr/bin/env bash
# Sets everything up on Debian 12, builds all and runs every test: unit, conformance, golden, end-to-end, lint.
#
#   bash tests/run.sh [ctest arguments, for example -L unit or -R Blob]
#
# The last line is `N passed, N failed, N skipped`. Exit code 0 only if something passed and nothing failed.
# Tests on real models read the folder that JOINERY_DATA names (default: shared/data beside the project's folder) and
# are skipped where there is none.
set -euo pipefail

readonly ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly BUILD="$ROOT/build/dev"
readonly STEP_LOGS="$(mktemp -d)"
# shellcheck source=deploy/steps.sh
source "$ROOT/deploy/steps.sh"

clean_up() {
  local code=$?
  trap - EXIT INT TERM
  stop_step
  if [ "$code" -ne 0 ] && [ -z "${summarized:-}" ]; then
    show_failure "$code"
    printf '0 passed, 0 failed, 0 skipped\n'
  fi
  rm -rf "$STEP_LOGS"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -z "${JOINERY_DATA:-}" ] && [ -d "$ROOT/../shared/data" ]; then
  JOINERY_DATA="$(cd "$ROOT/../shared/data" && pwd)"
  export JOINERY_DATA
fi

ask_for_sudo_if_needed "$ROOT/deploy/install-deps.sh"
step "install what is missing" bash "$ROOT/deploy/install-deps.sh"
cd "$ROOT"
step "configure build/dev" cmake --preset dev
step "build everything" cmake --build --preset dev
readonly RESULTS="$STEP_LOGS/results.xml"
try_step "run the tests" ctest --test-dir "$BUILD" --parallel 2 --timeout 600 --output-junit "$RESULTS" "$@"
if [ ! -s "$RESULTS" ]; then
  [ "$step_code" -ne 0 ] || step_code=1
  exit "$step_code"
fi
summarized=yes
/usr/bin/python3 "$ROOT/tests/summarize.py" "$RESULTS"
