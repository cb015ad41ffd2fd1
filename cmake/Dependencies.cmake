# Finds what deploy/install-deps.sh installed.
set(default_deps_dir "$ENV{JOINERY_DEPS_DIR}")
if(NOT default_deps_dir)
  set(default_deps_dir "$ENV{XDG_CACHE_HOME}")
  if(NOT default_deps_dir)
    set(default_deps_dir "$ENV{HOME}/.cache")
  endif()
  string(APPEND default_deps_dir "/joinery/deps")
endif()
set(JOINERY_DEPS_DIR ${default_deps_dir} CACHE PATH "Where deploy/install-deps.sh put ONNX and ONNX Runtime")

# One ONNX Runtime: the one named, or the one installed. Symbols are versioned, so what is linked must be what runs.
set(ONNXRUNTIME_ROOT "$ENV{ONNXRUNTIME_ROOT}" CACHE PATH "An unpacked release of ONNX Runtime to take first")
find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_cxx_api.h
  PATHS ${ONNXRUNTIME_ROOT} ${JOINERY_DEPS_DIR}/onnxruntime-1.29.0
  PATH_SUFFIXES include include/onnxruntime include/onnxruntime/core/session
  NO_DEFAULT_PATH REQUIRED)
find_library(ONNXRUNTIME_LIBRARY onnxruntime
  PATHS ${ONNXRUNTIME_ROOT} ${JOINERY_DEPS_DIR}/onnxruntime-1.29.0
  PATH_SUFFIXES lib lib64
  NO_DEFAULT_PATH REQUIRED)
add_library(onnxruntime SHARED IMPORTED)
set_target_properties(onnxruntime PROPERTIES
  IMPORTED_LOCATION ${ONNXRUNTIME_LIBRARY}
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${ONNXRUNTIME_INCLUDE_DIR}
  INTERFACE_INCLUDE_DIRECTORIES ${ONNXRUNTIME_INCLUDE_DIR})

set(ONNX_ROOT "$ENV{ONNX_ROOT}" CACHE PATH "An installation prefix of ONNX to take first")
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED CONFIG PATHS ${ONNX_ROOT} ${JOINERY_DEPS_DIR}/onnx-1.21.0 NO_DEFAULT_PATH)
find_package(gRPC REQUIRED CONFIG)
find_package(absl REQUIRED CONFIG)
find_package(spdlog REQUIRED CONFIG)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(LibArchive REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(CLI11 REQUIRED CONFIG)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED CONFIG)
# Debian's own CMake package of prometheus-cpp asks for all that its push and pull parts need; the core is enough.
find_package(PkgConfig REQUIRED)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
