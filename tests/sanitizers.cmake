# Read by ctest before it runs anything: every test, and every process that one starts, ends at the
# first report. Options from outside are added last and win.
set(ENV{TSAN_OPTIONS}
  "suppressions=${CMAKE_CURRENT_LIST_DIR}/tsan.supp halt_on_error=1 second_deadlock_stack=1 $ENV{TSAN_OPTIONS}")
set(ENV{ASAN_OPTIONS} "strict_string_checks=1 check_initialization_order=1 $ENV{ASAN_OPTIONS}")
set(ENV{UBSAN_OPTIONS} "print_stacktrace=1 $ENV{UBSAN_OPTIONS}")
