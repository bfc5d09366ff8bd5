# Picky warnings for a target of ours; errors only for our own developers (PLUM_WERROR).
function(plum_warnings target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4)
    if(PLUM_WERROR)
      target_compile_options(${target} PRIVATE /WX)
    endif()
    return()
  endif()
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wwrite-strings
    -Wpointer-arith -Wcast-qual -Wvla -Wformat=2
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wold-style-definition>)
  # gcc sees conversions in what its own undefined-behaviour checks insert.
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND
     "${CMAKE_C_FLAGS} ${PLUM_SANITIZE}" MATCHES "sanitize=|undefined")
    target_compile_options(${target} PRIVATE -Wno-conversion)
  endif()
  if(PLUM_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
