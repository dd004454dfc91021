# tools/cmake/DroverOptions.cmake - one INTERFACE target that carries the language level and warnings.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Checks stay on in release builds: a scheduler that goes on after a broken invariant loses jobs.
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

add_library(drover_options INTERFACE)
target_include_directories(drover_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_options(drover_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Wswitch-enum
  -Wformat=2 -Werror=format-security
  # What decides (rm, sched) reads no bytes from outside: there only functions that have arrays of characters guard their stack;
  # "strong" guards each that passes a reference to a local variable on, which is most of them.
  $<IF:$<BOOL:$<TARGET_PROPERTY:DROVER_DECIDES>>,-fstack-protector,-fstack-protector-strong>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A false alarm of g++ 12 on std::string's operator+ when optimising: gcc.gnu.org/PR105651.
  target_compile_options(drover_options INTERFACE -Wno-restrict)
elseif(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER 17)
  # clang++ blames std::stable_sort of libstdc++ 12 for what that calls itself.
  target_compile_options(drover_options INTERFACE -Wno-deprecated-declarations)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(drover_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(drover_options INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)

# Without this a fuzzer sees its own file only, and guesses blindly at what a reader makes of its input.
if(DROVER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(DROVER_SANITIZE "" CACHE STRING "Sanitizers to build with, e.g. address,undefined or thread")
if(DROVER_SANITIZE)
  add_compile_options(-fsanitize=${DROVER_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${DROVER_SANITIZE})
  # What AddressSanitizer sees as well (a null or wild pointer), or what we never do (misaligned reads go through memcpy):
  # checking it before each access makes g++ take two to three times as long, which no test program repays.
  if(DROVER_SANITIZE MATCHES "undefined" AND NOT DROVER_FUZZ)
    add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
  endif()
endif()
