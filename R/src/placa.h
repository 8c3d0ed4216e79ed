#ifndef PLACA_H
#define PLACA_H

#include <Rinternals.h>

SEXP placa_resample(SEXP n_clusters, SEXP n_draws, SEXP seed);
SEXP placa_cell_sums(SEXP cell, SEXP value, SEXP cluster, SEXP counts, SEXP n_cells);
SEXP placa_sums_by(SEXP value, SEXP cluster, SEXP n_clusters);
SEXP placa_areas(SEXP cluster, SEXP positive_at, SEXP end, SEXP counts, SEXP max_fpr);
SEXP placa_curve_at(SEXP cluster, SEXP positive_at, SEXP end, SEXP counts, SEXP grid, SEXP is_roc);
SEXP placa_areas_within(SEXP cluster, SEXP positive_at, SEXP end, SEXP fold_end, SEXP counts, SEXP max_fpr);
SEXP placa_precision_within(SEXP cluster, SEXP positive_at, SEXP end, SEXP fold_end, SEXP counts, SEXP grid);
SEXP placa_exchange(SEXP one, SEXP other);
SEXP placa_odd_text(SEXP text);

#endif
