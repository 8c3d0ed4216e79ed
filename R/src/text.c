#define R_NO_REMAP
#include "placa.h"

/* The places of texts that are blank, begin or end with a space, end with ".0", or have a character other than printable
   ASCII. STRING_PTR_RO makes the texts of a column of arrow, which are otherwise made again at each use. */
SEXP placa_odd_text(SEXP text) {
  R_xlen_t n = Rf_xlength(text), found = 0;
  const SEXP *texts = STRING_PTR_RO(text);
  SEXP marks = PROTECT(Rf_allocVector(LGLSXP, n));
  for (R_xlen_t i = 0; i < n; i++) {
    SEXP one = texts[i];
    int odd = 0;
    if (one != NA_STRING) {
      const unsigned char *bytes = (const unsigned char *) CHAR(one);
      int length = LENGTH(one);
      odd = length == 0 || bytes[0] == ' ' || bytes[length - 1] == ' ';
      odd = odd || (length > 2 && bytes[length - 1] == '0' && bytes[length - 2] == '.');
      for (int j = 0; j < length && !odd; j++) odd = bytes[j] < 0x20 || bytes[j] > 0x7e;
    }
    LOGICAL(marks)[i] = odd;
    found += odd;
  }
  SEXP places = PROTECT(Rf_allocVector(REALSXP, found));
  for (R_xlen_t i = 0, j = 0; i < n; i++) if (LOGICAL(marks)[i]) REAL(places)[j++] = (double) (i + 1);
  UNPROTECT(2);
  return places;
}
