#define R_NO_REMAP
#include "placa.h"

static int is_odd(SEXP one) {
  if (one == NA_STRING) return 0;
  const unsigned char *bytes = (const unsigned char *) CHAR(one);
  int length = LENGTH(one);
  if (length == 0 || bytes[0] == ' ' || bytes[length - 1] == ' ') return 1;
  if (length > 2 && bytes[length - 1] == '0' && bytes[length - 2] == '.') return 1;
  for (int j = 0; j < length; j++) if (bytes[j] < 0x20 || bytes[j] > 0x7e) return 1;
  return 0;
}

/* The places of texts that are blank, begin or end with a space, end with ".0", or have a character other than printable
   ASCII. STRING_PTR_RO makes the texts of a column of arrow, which are otherwise made again at each use. */
SEXP placa_odd_text(SEXP text) {
  R_xlen_t n = Rf_xlength(text), found = 0;
  const SEXP *texts = STRING_PTR_RO(text);
  for (R_xlen_t i = 0; i < n; i++) found += is_odd(texts[i]);
  SEXP places = PROTECT(Rf_allocVector(REALSXP, found));
  for (R_xlen_t i = 0, j = 0; j < found; i++) if (is_odd(texts[i])) REAL(places)[j++] = (double) (i + 1);
  UNPROTECT(1);
  return places;
}
