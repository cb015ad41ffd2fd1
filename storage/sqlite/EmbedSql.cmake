# joinery_embed_sql(HEADER FILES...): makes HEADER, below generated/ of the build folder, in which each file's text is a
# string constant: claim_job.sql becomes kClaimJob, 001_create_jobs.sql becomes k001CreateJobs; kAll has them in order
# of file name. Run as a script (cmake -P) this file is the generator itself.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(joinery_embed_sql_script ${CMAKE_CURRENT_LIST_FILE})
  function(joinery_embed_sql header)
    set(output ${PROJECT_BINARY_DIR}/generated/${header})
    get_filename_component(name ${header} NAME_WE)
    add_custom_command(
      OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAME=${name} "-DFILES=${ARGN}" -P ${joinery_embed_sql_script}
      DEPENDS ${ARGN} ${joinery_embed_sql_script}
      VERBATIM)
  endfunction()
  return()
endif()

set(text "// Made from .sql files by storage/sqlite/EmbedSql.cmake.\n#pragma once\n\nnamespace joinery::storage::${NAME} {\n")
set(constants "")
foreach(file ${FILES})
  file(READ ${file} sql)
  get_filename_component(words ${file} NAME_WE)
  string(REPLACE "_" ";" words ${words})
  set(constant k)
  foreach(word ${words})
    string(SUBSTRING ${word} 0 1 first)
    string(SUBSTRING ${word} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND constant ${first}${rest})
  endforeach()
  string(APPEND text "\ninline constexpr char ${constant}[] = R\"sql(${sql})sql\";\n")
  string(APPEND constants "${constant}, ")
endforeach()
string(APPEND text "\ninline constexpr const char* kAll[] = {${constants}};\n\n}  // namespace joinery::storage::${NAME}\n")
file(WRITE ${OUTPUT} "${text}")
