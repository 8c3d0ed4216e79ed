#include <stdlib.h>
#include <R_ext/Rdynload.h>
#include "placa.h"

static const R_CallMethodDef calls[] = {
  {"placa_resample", (DL_FUNC) &placa_resample, 3},
  {"placa_cell_sums", (DL_FUNC) &placa_cell_sums, 5},
  {"placa_sums_by", (DL_FUNC) &placa_sums_by, 3},
  {"placa_areas", (DL_FUNC) &placa_areas, 5},
  {"placa_curve_at", (DL_FUNC) &placa_curve_at, 6},
  {"placa_areas_within", (DL_FUNC) &placa_areas_within, 6},
  {"placa_precision_within", (DL_FUNC) &placa_precision_within, 6},
  {"placa_exchange", (DL_FUNC) &placa_exchange, 2},
  {"placa_odd_text", (DL_FUNC) &placa_odd_text, 1},
  {NULL, NULL, 0}
};

void R_init_placa(DllInfo *dll) {
  R_registerRoutines(dll, NULL, calls, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
}
