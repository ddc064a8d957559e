# Runs PROGRAM and compares its standard output with the file EXPECTED, line by line.
# In EXPECTED, <any> stands for any text within a line (a time, a path).
#   cmake -DPROGRAM=... [-DARGUMENTS=one;two] -DEXPECTED=... -P check_output.cmake
if(NOT EXISTS "${EXPECTED}")
  message(FATAL_ERROR "no expected output: write ${EXPECTED}")
endif()
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} OUTPUT_VARIABLE found ERROR_VARIABLE errors RESULT_VARIABLE status)
file(READ "${EXPECTED}" wanted)

string(REGEX REPLACE "([][+.*^$?(){}|\\\\])" "\\\\\\1" pattern "${wanted}")
string(REPLACE "<any>" "[^\n]*" pattern "${pattern}")
if(NOT status STREQUAL "0")
  message(NOTICE "${found}${errors}")
  message(FATAL_ERROR "${PROGRAM} ended with ${status}")
endif()
if(NOT found MATCHES "^${pattern}$")
  message(NOTICE "--- wanted: ${EXPECTED}\n${wanted}--- found\n${found}---")
  message(FATAL_ERROR "the output differs from ${EXPECTED}")
endif()
