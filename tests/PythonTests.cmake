# joinery_python_tests(NAME [ENVIRONMENT ...]): the *_test.py of the current folder, one ctest test for each test
# function and each of its cases, so that what is counted is what was tested. They are listed by pytest itself when
# CMake configures, and again when a file there changes.
function(joinery_python_tests name)
  cmake_parse_arguments(ARG "" "" "ENVIRONMENT" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.py)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})

  set(pytest /usr/bin/python3 -B -m pytest -p no:cacheprovider --rootdir ${CMAKE_CURRENT_SOURCE_DIR})
  execute_process(
    COMMAND ${pytest} --collect-only -q ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE collected ERROR_VARIABLE collected RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "pytest cannot list the tests of ${CMAKE_CURRENT_SOURCE_DIR}:\n${collected}")
  endif()

  set(environment JOINERY_BIN=${PROJECT_BINARY_DIR}/bin ORT_DISABLE_TELEMETRY=1
    JOINERY_SANITIZER=${JOINERY_SANITIZER} ${ARG_ENVIRONMENT})
  if(EXISTS ${JOINERY_DEPS_DIR}/onnxruntime-1.29.0/python)
    list(APPEND environment PYTHONPATH=${JOINERY_DEPS_DIR}/onnxruntime-1.29.0/python)
  endif()

  # Where each thread of a test hangs is printed before ctest ends it.
  math(EXPR almost_timeout "${python_timeout} - 20")
  # Lines such as `vendor_commands_test.py::test_info` or `bad_inputs_test.py::test_bad_model[cyclic]`.
  string(REGEX MATCHALL "[a-z0-9_]+_test\\.py::test_[^\n]+" tests "${collected}")
  foreach(test IN LISTS tests)
    string(REGEX REPLACE "_test\\.py::test_" "." test_name "${test}")
    string(REGEX REPLACE "\\[(.*)\\]" ".\\1" test_name "${test_name}")
    add_test(NAME ${name}.${test_name} COMMAND ${pytest} -rs -q -o faulthandler_timeout=${almost_timeout}
      ${CMAKE_CURRENT_SOURCE_DIR}/${test})
    set_tests_properties(${name}.${test_name} PROPERTIES
      LABELS ${name} TIMEOUT ${python_timeout} SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
  endforeach()
endfunction()
