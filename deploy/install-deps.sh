#!/usr/bin/env bash
# Installs everything Joinery is built with, on Debian 12, and does nothing the second time.
#
#   bash deploy/install-deps.sh             installs
#   bash deploy/install-deps.sh --missing   only prints the Debian packages that are missing, one a line
#
# Debian's packages go where Debian puts them (this needs root or sudo, and only if one is missing). ONNX Runtime and
# ONNX go into $JOINERY_DEPS_DIR, by default ${XDG_CACHE_HOME:-~/.cache}/joinery/deps, outside the source tree.
#
# Taken first where they exist:
#   ONNXRUNTIME_ROOT   an unpacked release of ONNX Runtime (include/ and lib/)
#   ONNX_ROOT          an installation prefix of ONNX with its CMake package
#
# Every download is pinned by version and SHA-256.
set -euo pipefail

readonly DEPS_DIR="${JOINERY_DEPS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/joinery/deps}"
readonly ONNX_VERSION=1.21.0
readonly ONNX_SHA256=4d8b67d0aaec5864c87633188b91cc520877477ec0254eda122bef8be43cd764
readonly ORT_VERSION=1.29.0
readonly ORT_SHA256_X86_64=85f8e8406c52658735fe5c7fbfd3ebaa1ed340768324f6252e4274e374580a23
readonly ORT_SHA256_AARCH64=16925ef8497e2c07e4b5ae15b504079b3ab3f65e22c58efd10dde0f3caea969a
# ONNX Runtime's wheels have no headers; this package carries those of the same version.
readonly ORT_HEADERS_PACKAGE=com.github.asus4.onnxruntime@0.4.9
readonly ORT_HEADERS_SHA256=e59788788818fdde1b2e522e766a21ba0f7d8391de55737abf81e32cc801785d
readonly ORT_C_HEADER_SHA256=acc0cf4b3f28d39339c76770d76164bb7a0637dc89f5fde764b4017b632f6743
readonly ORT_CXX_HEADER_SHA256=9c63ed5bf0427ddf1c10a99aca0beeec77318ce77d2ea6f7ae76d7d933660f67

readonly DEBIAN_PACKAGES=(
  cmake ninja-build ccache g++ mold pkg-config
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
  protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libgrpc++-dev libabsl-dev
  libspdlog-dev libsqlite3-dev libcli11-dev libarchive-dev libjpeg62-turbo-dev libpng-dev libssl-dev
  libre2-dev nlohmann-json3-dev libyaml-dev libeigen3-dev libcpp-httplib-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  python3 python3-pip python3-numpy python3-pil python3-protobuf python3-grpcio python3-pytest
  ca-certificates git unzip
)

say() { printf 'install-deps: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing_of() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s\n' "$package"
  done
}

install_debian() {
  local missing
  mapfile -t missing < <(missing_of "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

check_sha256() {  # FILE SHA256
  echo "$2  $1" | sha256sum --check --quiet - || { say "$1 is not what was pinned: wrong SHA-256"; exit 1; }
}

# Runs the function $2 in an empty folder and moves what it made to $DEPS_DIR/$1 in one step, so that a folder that
# exists is complete.
make_folder() {
  [ -e "$DEPS_DIR/$1" ] && return
  local scratch
  scratch="$(mktemp -d "$DEPS_DIR/.making.XXXXXX")"
  mkdir "$scratch/out"
  (cd "$scratch" && "$2" "$scratch/out")
  mv "$scratch/out" "$DEPS_DIR/$1"
  rm -rf "$scratch"
}

make_onnxruntime() {  # OUT
  say "fetching ONNX Runtime $ORT_VERSION"
  printf 'onnxruntime==%s --hash=sha256:%s --hash=sha256:%s\n' \
    "$ORT_VERSION" "$ORT_SHA256_X86_64" "$ORT_SHA256_AARCH64" > requirements.txt
  local platform=manylinux_2_28_x86_64
  [ "$(uname -m)" = aarch64 ] && platform=manylinux_2_28_aarch64
  /usr/bin/python3 -m pip download -q --no-deps --only-binary :all: --require-hashes -r requirements.txt \
    --python-version 3.11 --implementation cp --abi cp311 --platform "$platform" -d wheel
  mkdir -p "$1/lib" "$1/include" "$1/python"
  unzip -q wheel/*.whl -d "$1/python"
  ln -s "../python/onnxruntime/capi/libonnxruntime.so.$ORT_VERSION" "$1/lib/libonnxruntime.so.$ORT_VERSION"
  ln -s "libonnxruntime.so.$ORT_VERSION" "$1/lib/libonnxruntime.so.1"
  ln -s libonnxruntime.so.1 "$1/lib/libonnxruntime.so"

  command -v npm >/dev/null || install_debian npm
  npm pack --silent "$ORT_HEADERS_PACKAGE" >/dev/null
  local archive
  archive="$(echo ./*.tgz)"
  check_sha256 "$archive" "$ORT_HEADERS_SHA256"
  tar -xzf "$archive" package/Plugins/Android/onnxruntime.aar
  unzip -q package/Plugins/Android/onnxruntime.aar 'headers/*' -d aar
  cp -r aar/headers/. "$1/include/"
  check_sha256 "$1/include/onnxruntime_c_api.h" "$ORT_C_HEADER_SHA256"
  check_sha256 "$1/include/onnxruntime_cxx_api.h" "$ORT_CXX_HEADER_SHA256"
}

make_onnx() {  # OUT
  say "building ONNX $ONNX_VERSION (about a minute)"
  printf 'onnx==%s --hash=sha256:%s\n' "$ONNX_VERSION" "$ONNX_SHA256" > requirements.txt
  /usr/bin/python3 -m pip download -q --no-deps --no-binary onnx --require-hashes -r requirements.txt -d sdist
  tar -xzf "sdist/onnx-$ONNX_VERSION.tar.gz"
  # Debian's CMake is one minor version older than the first line asks for, and new enough for the rest.
  sed -i '1,5s/VERSION 3.26/VERSION 3.25/' "onnx-$ONNX_VERSION/CMakeLists.txt"
  cmake -S "onnx-$ONNX_VERSION" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=20 \
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DONNX_ML=ON -DONNX_BUILD_PYTHON=OFF -DONNX_BUILD_TESTS=OFF \
    -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_USE_UNITY_BUILD=ON -DCMAKE_INSTALL_PREFIX="$1" > configure.log 2>&1 \
    || { tail -n 40 configure.log >&2; exit 1; }
  cmake --build build --target install > build.log 2>&1 || { tail -n 40 build.log >&2; exit 1; }
}

if [ "${1:-}" = --missing ]; then
  missing_of "${DEBIAN_PACKAGES[@]}"
  exit 0
fi
[ "$#" -eq 0 ] || { say "unknown argument $1; the only one is --missing"; exit 2; }

install_debian "${DEBIAN_PACKAGES[@]}"
mkdir -p "$DEPS_DIR"
[ -n "${ONNXRUNTIME_ROOT:-}" ] || make_folder "onnxruntime-$ORT_VERSION" make_onnxruntime
[ -n "${ONNX_ROOT:-}" ] || make_folder "onnx-$ONNX_VERSION" make_onnx
