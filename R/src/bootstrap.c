/* The inner loops of the clustered bootstrap.
 *
 * C, because 2,000 draws of 25,596 images are 51 million steps for each finding, metric and subgroup. Vectorised R takes
 * 1 to 1.6 s for one AUROC, and minutes for fourteen findings with subgroups; these loops take a fifth.
 *
 * `counts` is a raw matrix, clusters by draws: the count of each cluster in each draw. `cluster` is the cluster (from 0)
 * of each image, so counts[cluster[i]] is the weight of an image. Counts are limited to 255, which a draw practically
 * never exceeds. */
#define R_NO_REMAP
#include <string.h>
#include <R.h>
#include <Rinternals.h>
#include <R_ext/Random.h>
#include <R_ext/Utils.h>
#include "placa.h"

/* Draws n of n clusters with replacement, with R's generator, as sample.int(). */
SEXP placa_resample(SEXP n_clusters, SEXP n_draws) {
  const int clusters = Rf_asInteger(n_clusters), draws = Rf_asInteger(n_draws);
  SEXP counts = PROTECT(Rf_allocMatrix(RAWSXP, clusters, draws));
  Rbyte *column = RAW(counts);
  memset(column, 0, (size_t) clusters * (size_t) draws);
  GetRNGstate();
  for (int draw = 0; draw < draws; draw++, column += clusters) {
    for (int i = 0; i < clusters; i++) {
      Rbyte *cell = column + (R_xlen_t) R_unif_index(clusters);
      if (*cell < 255) (*cell)++;
    }
  }
  PutRNGstate();
  UNPROTECT(1);
  return counts;
}

/* Weighted sums of `value` by cell (from 0): a matrix, cells by draws. */
SEXP placa_cell_sums(SEXP cell, SEXP value, SEXP cluster, SEXP counts, SEXP n_cells) {
  const int rows = Rf_length(cell), cells = Rf_asInteger(n_cells);
  const int clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  const int *of_cell = INTEGER(cell), *of_cluster = INTEGER(cluster);
  const double *values = REAL(value);
  const Rbyte *weight = RAW(counts);
  SEXP sums = PROTECT(Rf_allocMatrix(REALSXP, cells, draws));
  double *sum = REAL(sums);
  memset(sum, 0, sizeof(double) * (size_t) cells * (size_t) draws);
  for (int draw = 0; draw < draws; draw++, weight += clusters, sum += cells) {
    R_CheckUserInterrupt();
    for (int i = 0; i < rows; i++) sum[of_cell[i]] += weight[of_cluster[i]] * values[i];
  }
  UNPROTECT(1);
  return sums;
}

/* For the two routines below, images are sorted by decreasing probability and divided into segments: images with equal
 * probabilities, and adjacent images without a positive, whose order has no effect. In a segment negatives are first:
 * `positive_at` is the index of its first positive, `end` the end of the segment. */

static double weigh(const int *of_cluster, const Rbyte *weight, int from, int to) {
  int sum = 0;
  for (int i = from; i < to; i++) sum += weight[of_cluster[i]];
  return sum;
}

/* Areas of curves: a matrix, draws by (AUROC, average precision, area under the ROC curve up to the false positive rate
 * `max_fpr`). Missing if a draw lacks a required class. */
SEXP placa_areas(SEXP cluster, SEXP positive_at, SEXP end, SEXP counts, SEXP max_fpr) {
  const int segments = Rf_length(end), clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  const int *of_cluster = INTEGER(cluster), *start_positive = INTEGER(positive_at), *stop = INTEGER(end);
  const double limit_fpr = Rf_asReal(max_fpr);
  const int part = limit_fpr < 1;
  const Rbyte *weight = RAW(counts);
  SEXP areas = PROTECT(Rf_allocMatrix(REALSXP, draws, 3));
  double *auroc = REAL(areas), *precision = auroc + draws, *partial = precision + draws;
  for (int draw = 0; draw < draws; draw++, weight += clusters) {
    R_CheckUserInterrupt();
    double limit = 0;
    if (part) {
      for (int s = 0; s < segments; s++) limit += weigh(of_cluster, weight, s ? stop[s - 1] : 0, start_positive[s]);
      limit *= limit_fpr;
    }
    double tp = 0, fp = 0, area = 0, steps = 0, part_area = 0;
    for (int s = 0; s < segments; s++) {
      const double negatives = weigh(of_cluster, weight, s ? stop[s - 1] : 0, start_positive[s]);
      const double positives = weigh(of_cluster, weight, start_positive[s], stop[s]);
      area += negatives * (tp + positives / 2);
      if (positives > 0) steps += positives * (tp + positives) / (tp + positives + fp + negatives);
      if (part && fp < limit && negatives > 0) {
        const double width = fp + negatives <= limit ? negatives : limit - fp;
        part_area += width * (tp + positives * width / negatives / 2);
      }
      tp += positives;
      fp += negatives;
    }
    const int both = tp > 0 && fp > 0;
    auroc[draw] = both ? area / (tp * fp) : NA_REAL;
    precision[draw] = tp > 0 ? steps / tp : NA_REAL;
    partial[draw] = both ? (part ? part_area : area) / (tp * fp) : NA_REAL;
  }
  UNPROTECT(1);
  return areas;
}

/* Heights of a curve at the ascending points `grid`. ROC curve: sensitivity at a false positive rate, with linear
 * interpolation. Precision-recall curve: precision at the highest threshold that reaches a recall. Returns a matrix,
 * points by draws. */
SEXP placa_curve_at(SEXP cluster, SEXP positive_at, SEXP end, SEXP counts, SEXP grid, SEXP is_roc) {
  const int segments = Rf_length(end), places = Rf_length(grid);
  const int clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  const int *of_cluster = INTEGER(cluster), *start_positive = INTEGER(positive_at), *stop = INTEGER(end);
  const int roc = Rf_asLogical(is_roc);
  const double *at = REAL(grid);
  const Rbyte *weight = RAW(counts);
  SEXP heights = PROTECT(Rf_allocMatrix(REALSXP, places, draws));
  double *height = REAL(heights);
  for (int draw = 0; draw < draws; draw++, weight += clusters, height += places) {
    R_CheckUserInterrupt();
    double all_negatives = 0, all_positives = 0, tp = 0, fp = 0;
    for (int s = 0; s < segments; s++) {
      all_negatives += weigh(of_cluster, weight, s ? stop[s - 1] : 0, start_positive[s]);
      all_positives += weigh(of_cluster, weight, start_positive[s], stop[s]);
    }
    int place = 0;
    for (int s = 0; s < segments && place < places; s++) {
      const double negatives = weigh(of_cluster, weight, s ? stop[s - 1] : 0, start_positive[s]);
      const double positives = weigh(of_cluster, weight, start_positive[s], stop[s]);
      if (roc) {
        for (; place < places && at[place] * all_negatives < fp + negatives; place++) {
          const double share = (at[place] * all_negatives - fp) / negatives;
          height[place] = (tp + share * positives) / all_positives;
        }
      } else if (positives > 0) {
        /* The margin is for rounding, such as 0.07 of 100 in binary. */
        for (; place < places && at[place] * all_positives <= tp + positives + 1e-9; place++) {
          height[place] = (tp + positives) / (tp + positives + fp + negatives);
        }
      }
      tp += positives;
      fp += negatives;
    }
    for (; place < places; place++) height[place] = roc ? 1 : all_positives / (all_positives + all_negatives);
    if (all_positives == 0 || (roc && all_negatives == 0)) {
      for (place = 0; place < places; place++) height[place] = NA_REAL;
    }
  }
  UNPROTECT(1);
  return heights;
}

/* The routines for predictions of several folds compare images within folds only. The covariate-adjusted ROC curve
 * (Janes and Pepe 2009), with the fold as covariate, is the mean of the folds' ROC curves, weighted by positives. A
 * fold without a negative image is left out. Images are sorted by fold, then as above; `fold_end` is the index after the
 * last segment of each fold. */

typedef struct {
  double rate;   /* False positive rate of the fold at the threshold of the segment. */
  double weight; /* Weight of the positives of the segment. */
} Entry;

/* Weights of all positives and negatives, positives in folds that are left out, and the sums of the folds' areas. */
typedef struct {
  double positives, negatives, left_out, area, part_area;
} Sums;

/* Writes the segments with positives of one draw to `merged`, in ascending order of their false positive rate, and
 * returns their number. */

static int entries_of_draw(const int *of_cluster, const Rbyte *weight, const int *start_positive, const int *stop,
                           const int *fold_end, int folds, double limit_fpr, Entry *entries, Entry *merged,
                           int *first, int *last, Sums *sums) {
  Sums all = {0, 0, 0, 0, 0};
  int count = 0;
  for (int f = 0; f < folds; f++) {
    const int from = f ? fold_end[f - 1] : 0;
    double negatives_of_fold = 0, positives_of_fold = 0;
    for (int s = from; s < fold_end[f]; s++) {
      negatives_of_fold += weigh(of_cluster, weight, s ? stop[s - 1] : 0, start_positive[s]);
      positives_of_fold += weigh(of_cluster, weight, start_positive[s], stop[s]);
    }
    first[f] = last[f] = count;
    if (negatives_of_fold == 0) {
      all.left_out += positives_of_fold;
      continue;
    }
    const double limit = limit_fpr * negatives_of_fold;
    double tp = 0, fp = 0, area = 0, part_area = 0;
    for (int s = from; s < fold_end[f]; s++) {
      const double negatives = weigh(of_cluster, weight, s ? stop[s - 1] : 0, start_positive[s]);
      const double positives = weigh(of_cluster, weight, start_positive[s], stop[s]);
      area += negatives * (tp + positives / 2);
      if (fp < limit && negatives > 0) {
        const double width = fp + negatives <= limit ? negatives : limit - fp;
        part_area += width * (tp + positives * width / negatives / 2);
      }
      tp += positives;
      fp += negatives;
      if (positives > 0) {
        entries[count].rate = fp / negatives_of_fold;
        entries[count++].weight = positives;
      }
    }
    last[f] = count;
    all.positives += tp;
    all.negatives += fp;
    all.area += area / negatives_of_fold;
    all.part_area += part_area / negatives_of_fold;
  }
  for (int i = 0; i < count; i++) {
    int next = -1;
    for (int f = 0; f < folds; f++) {
      if (first[f] < last[f] && (next < 0 || entries[first[f]].rate < entries[first[next]].rate)) next = f;
    }
    merged[i] = entries[first[next]++];
  }
  *sums = all;
  return count;
}

/* As placa_areas, within folds. Precision uses the number of positives and negatives of all folds. */
SEXP placa_areas_within(SEXP cluster, SEXP positive_at, SEXP end, SEXP fold_end, SEXP counts, SEXP max_fpr) {
  const int segments = Rf_length(end), folds = Rf_length(fold_end);
  const int clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  Entry *entries = (Entry *) R_alloc(segments, sizeof(Entry)), *merged = (Entry *) R_alloc(segments, sizeof(Entry));
  int *first = (int *) R_alloc(folds, sizeof(int)), *last = (int *) R_alloc(folds, sizeof(int));
  const Rbyte *weight = RAW(counts);
  SEXP areas = PROTECT(Rf_allocMatrix(REALSXP, draws, 3));
  double *auroc = REAL(areas), *precision = auroc + draws, *partial = precision + draws;
  for (int draw = 0; draw < draws; draw++, weight += clusters) {
    R_CheckUserInterrupt();
    Sums sums;
    const int count = entries_of_draw(INTEGER(cluster), weight, INTEGER(positive_at), INTEGER(end), INTEGER(fold_end),
                                      folds, Rf_asReal(max_fpr), entries, merged, first, last, &sums);
    double tp = 0, steps = 0;
    for (int i = 0; i < count; i++) {
      tp += merged[i].weight;
      steps += merged[i].weight * tp / (tp + sums.negatives * merged[i].rate);
    }
    const int both = sums.positives > 0 && sums.negatives > 0;
    auroc[draw] = both ? sums.area / sums.positives : NA_REAL;
    /* Without any negative, every precision is 1, as in placa_areas. */
    const int only_positives = sums.negatives == 0 && sums.left_out > 0;
    precision[draw] = both ? steps / sums.positives : only_positives ? 1 : NA_REAL;
    partial[draw] = both ? sums.part_area / sums.positives : NA_REAL;
  }
  UNPROTECT(1);
  return areas;
}

/* As placa_curve_at for the precision-recall curve, within folds. */
SEXP placa_precision_within(SEXP cluster, SEXP positive_at, SEXP end, SEXP fold_end, SEXP counts, SEXP grid) {
  const int segments = Rf_length(end), folds = Rf_length(fold_end), places = Rf_length(grid);
  const int clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  Entry *entries = (Entry *) R_alloc(segments, sizeof(Entry)), *merged = (Entry *) R_alloc(segments, sizeof(Entry));
  int *first = (int *) R_alloc(folds, sizeof(int)), *last = (int *) R_alloc(folds, sizeof(int));
  const double *at = REAL(grid);
  const Rbyte *weight = RAW(counts);
  SEXP heights = PROTECT(Rf_allocMatrix(REALSXP, places, draws));
  double *height = REAL(heights);
  for (int draw = 0; draw < draws; draw++, weight += clusters, height += places) {
    R_CheckUserInterrupt();
    Sums sums;
    const int count = entries_of_draw(INTEGER(cluster), weight, INTEGER(positive_at), INTEGER(end), INTEGER(fold_end),
                                      folds, 1, entries, merged, first, last, &sums);
    double tp = 0;
    int place = 0;
    for (int i = 0; i < count; i++) {
      tp += merged[i].weight;
      for (; place < places && at[place] * sums.positives <= tp + 1e-9; place++) {
        height[place] = tp / (tp + sums.negatives * merged[i].rate);
      }
    }
    for (; place < places; place++) height[place] = NA_REAL;
  }
  UNPROTECT(1);
  return heights;
}
