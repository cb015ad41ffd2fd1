# For scripts that do long things one after the other (demo.sh, tests/run.sh): runs each as a step with its output in a
# log, says every eight seconds that it still runs, shows the log's end when it fails. To be sourced.
#
# The script sets STEP_LOGS (a folder) and calls stop_step when it ends early. Defines current_step, current_log and
# step_code, the last step's exit code.

current_step="start"
current_log=""
step_code=0
step_pid=""

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }

# try_step TITLE COMMAND...: goes on when the command fails; leaves its exit code in step_code. Not to be called in a
# condition: there bash would ignore `set -e` inside of a COMMAND that is a function.
try_step() {
  current_step="$1"
  current_log="$STEP_LOGS/$(printf '%s' "$1" | tr -cs 'a-zA-Z0-9' '-').log"
  say "$1"
  shift
  set -m  # The step gets a process group of its own, so that it can be stopped with all its children.
  "$@" </dev/null >"$current_log" 2>&1 &
  step_pid=$!
  set +m
  step_code=0
  local ticks=0
  while kill -0 "$step_pid" 2>/dev/null; do
    sleep 0.1
    ticks=$((ticks + 1))
    [ $((ticks % 80)) -ne 0 ] || say "  ... $(tail -n 1 "$current_log" | tr '\r' '\n' | tail -n 1 | cut -c 1-100)"
  done
  wait "$step_pid" || step_code=$?
  step_pid=""
}

# step TITLE COMMAND...: ends the script if the command fails; the script's EXIT trap calls show_failure.
step() {
  try_step "$@"
  [ "$step_code" -eq 0 ] || exit "$step_code"
}

stop_step() {
  [ -z "$step_pid" ] || kill -TERM -- "-$step_pid" 2>/dev/null || true
}

# show_failure EXIT_CODE [LOG...]: names the step and shows the end of its log and of the others that have something.
show_failure() {
  local code="$1" log
  shift
  say "FAILED: $current_step (exit code $code)"
  for log in "$current_log" "$@"; do
    [ -s "$log" ] || continue
    printf -- '--- the end of %s\n' "$log"
    tail -n 40 "$log"
  done
}

# A password can only be asked for here: a step has no terminal.
ask_for_sudo_if_needed() {  # INSTALL_SCRIPT
  [ "$(id -u)" -eq 0 ] || [ -z "$(bash "$1" --missing)" ] || sudo -v
}
