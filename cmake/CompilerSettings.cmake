# Language level, warnings as errors, sanitizers, caches.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  # Paths below the source folder count relative to it, so that every checkout shares the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()
# Line numbers for stack traces, without descriptions of every type of gRPC and ONNX.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1 -DNDEBUG")

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# What every target of ours is compiled with; generated and foreign code is not.
add_library(joinery_warnings INTERFACE)
target_compile_options(joinery_warnings INTERFACE -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes vectors of vectors for memory that was never allocated once they are inlined.
  target_compile_options(joinery_warnings INTERFACE -Wno-free-nonheap-object)
  # At -O3 it also takes its own std::string for overlapping and for uninitialized memory.
  target_compile_options(joinery_warnings INTERFACE
    $<$<CONFIG:Release>:-Wno-restrict> $<$<CONFIG:Release>:-Wno-maybe-uninitialized>)
endif()

if(JOINERY_SANITIZER)
  add_compile_options(-fsanitize=${JOINERY_SANITIZER} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${JOINERY_SANITIZER})
  # With sanitizers GCC 12 takes the standard library's own code for the use of uninitialized memory.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(joinery_warnings INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(JOINERY_SANITIZER MATCHES thread)
    include_directories(BEFORE SYSTEM ${CMAKE_CURRENT_LIST_DIR}/sanitizers/headers)
  endif()
endif()

# What programs and tests are linked with besides when there are sanitizers: nothing otherwise.
if(JOINERY_SANITIZER)
  add_library(joinery_sanitizers OBJECT ${CMAKE_CURRENT_LIST_DIR}/sanitizers/defaults.cc)
  target_link_libraries(joinery_sanitizers PRIVATE joinery_warnings)
  if(JOINERY_SANITIZER MATCHES thread)
    target_sources(joinery_sanitizers PRIVATE ${CMAKE_CURRENT_LIST_DIR}/sanitizers/tsan_abseil.cc)
    target_link_libraries(joinery_sanitizers PUBLIC absl::synchronization ${CMAKE_DL_LIBS})
  endif()
else()
  add_library(joinery_sanitizers INTERFACE)
endif()

# joinery_library(NAME SOURCES ... LINKS ...): a folder's library, included from the root of the tree.
function(joinery_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS} joinery_warnings)
endfunction()

# joinery_program(NAME SOURCES ... LINKS ...): a program that `cmake --install` puts into bin/.
function(joinery_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} joinery_warnings joinery_sanitizers)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  install(TARGETS ${name} RUNTIME)
endfunction()
