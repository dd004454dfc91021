# tools/cmake/DroverTargets.cmake - one static library per folder, and the layer table as link rules.
# The table of design section 3: what each folder may link. tests and bench may link anything.
set(DROVER_MAY_LINK_base "")
set(DROVER_MAY_LINK_rm base)
set(DROVER_MAY_LINK_dag base)
set(DROVER_MAY_LINK_sched base rm dag)
set(DROVER_MAY_LINK_flow base rm dag sched)
set(DROVER_MAY_LINK_pool base rm dag sched)
set(DROVER_MAY_LINK_sim base rm dag sched)
set(DROVER_MAY_LINK_proto "")
set(DROVER_MAY_LINK_store base proto sched flow)
set(DROVER_MAY_LINK_net base proto)
set(DROVER_MAY_LINK_metrics base)
set(DROVER_MAY_LINK_nodeagent base net metrics proto)
set(DROVER_MAY_LINK_linkis base rm dag sched)
set(DROVER_MAY_LINK_server base rm dag sched flow pool proto store net metrics linkis)
set(DROVER_MAY_LINK_cli base dag net proto)

# Profile-guided optimisation of the decision core: tools/dist.sh records what it does, then builds with that.
set(DROVER_PROFILE "" CACHE STRING "record, use, or nothing; see tools/dist.sh")
set(DROVER_PROFILE_DIR ${CMAKE_SOURCE_DIR}/build/dist-profile CACHE PATH "What was recorded")
set(DROVER_PROFILED base rm dag sched flow pool sim)
if(DROVER_PROFILE AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  message(FATAL_ERROR "profiles are recorded and used by g++ only: leave DROVER_PROFILE empty")
endif()

# What was never run in training is optimised as usual, and who has no profile is not blamed.
function(drover_profile target)
  if(DROVER_PROFILE)
    # When recording, too: what was inlined early must be the same. The warning is a false alarm of g++ 12 in fmt.
    target_compile_options(${target} PRIVATE -O3 -Wno-stringop-overflow)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    # Records of a few hundred bytes are cleared and copied all the time: "rep stos" takes longer to begin than that.
    target_compile_options(${target} PRIVATE -mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign
      -mmemcpy-strategy=vector_loop:512:noalign,libcall:-1:noalign)
  endif()
  if(DROVER_PROFILE STREQUAL "record")
    target_compile_options(${target} PRIVATE -fprofile-generate=${DROVER_PROFILE_DIR} -fprofile-update=single
      -fprofile-prefix-path=${CMAKE_BINARY_DIR})
    target_link_options(${target} PUBLIC -fprofile-generate)
  elseif(DROVER_PROFILE STREQUAL "use")
    target_compile_options(${target} PRIVATE -fprofile-use=${DROVER_PROFILE_DIR} -fprofile-partial-training
      -fprofile-prefix-path=${CMAKE_BINARY_DIR} -Wno-missing-profile)
    # ccache does not know what was recorded. Inlining across files pays where it is known what is hot, and only there.
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "" INTERPROCEDURAL_OPTIMIZATION ON)
    target_link_options(${target} INTERFACE -O3 -flto=auto -Wno-stringop-overread)  # a false alarm of g++ 12
  endif()
endfunction()

# drover_library(FOLDER SOURCES a.cpp ... [DROVER base rm ...] [LINK third::party ...])
function(drover_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;DROVER;LINK" ${ARGN})
  foreach(dep IN LISTS ARG_DROVER)
    if(NOT dep IN_LIST DROVER_MAY_LINK_${folder})
      message(FATAL_ERROR "${folder}/ may not link ${dep}/: see the layer table in DroverTargets.cmake")
    endif()
  endforeach()
  add_library(drover_${folder} STATIC ${ARG_SOURCES})
  add_library(drover::${folder} ALIAS drover_${folder})
  if(folder MATCHES "^(rm|sched)$")
    set_target_properties(drover_${folder} PROPERTIES DROVER_DECIDES ON)
  endif()
  list(TRANSFORM ARG_DROVER PREPEND drover::)
  target_link_libraries(drover_${folder} PUBLIC drover_options ${ARG_DROVER} ${ARG_LINK})
  if(folder IN_LIST DROVER_PROFILED)
    drover_profile(drover_${folder})
  endif()
endfunction()

# drover_test(NAME LABELS unit SOURCES a_test.cpp ... LINK drover::rm ...): one GoogleTest binary, one
# ctest entry per binary (process start-up would dominate with one entry per case). SKIPPABLE A.b C.d:
# cases that need what a machine may lack; they are an entry of their own, which ctest shows as skipped.
function(drover_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS;ENV;SKIPPABLE" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE drover_options ${ARG_LINK} GTest::gtest GTest::gtest_main)
  if(ARG_SKIPPABLE)
    list(JOIN ARG_SKIPPABLE ":" cases)
    add_test(NAME ${name} COMMAND ${name} --gtest_filter=-${cases} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME ${name}_skippable WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/unit/skips.py $<TARGET_FILE:${name}> --gtest_filter=${cases})
    set_tests_properties(${name}_skippable PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77)
  else()
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if(ARG_ENV)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${ARG_ENV}")
  endif()
endfunction()
