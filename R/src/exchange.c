/* Exchanges the names of two files or directories in one step, where the system can do that (renameat2 of Linux). */

#include <R.h>
#include <Rinternals.h>
#include "placa.h"

#ifdef __linux__
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

SEXP placa_exchange(SEXP one, SEXP other) {
#if defined(__linux__) && defined(SYS_renameat2)
  /* 2 is RENAME_EXCHANGE. */
  const char *first = translateChar(STRING_ELT(one, 0)), *second = translateChar(STRING_ELT(other, 0));
  return ScalarLogical(syscall(SYS_renameat2, AT_FDCWD, first, AT_FDCWD, second, 2) == 0);
#else
  return ScalarLogical(FALSE);
#endif
}
