/* The inner loops of the clustered bootstrap.
 *
 * C, because 2,000 draws of 25,596 images are 51 million steps for each finding, metric and subgroup. Vectorised R takes
 * 1 to 1.6 s for one AUROC, and minutes for fourteen findings with subgroups; these loops take a fifth.
 *
 * `counts` is a raw matrix, clusters by draws: the count of each cluster in each draw. `cluster` is the cluster (from 0)
 * of each image, so counts[cluster[i]] is the weight of an image. Counts are limited to 255, which a draw practically
 * never exceeds. */
#define R_NO_REMAP
#include <stdint.h>
#include <string.h>
#include <R.h>
#include <Rinternals.h>
#include <R_ext/Utils.h>
#include "placa.h"

/* R's generator, the Mersenne Twister of Matsumoto and Nishimura (1998), from the integers of .Random.seed. R's own
 * functions for one index take ten times as long. */
#define STATE 624
typedef struct {
  uint32_t state[STATE], bits[STATE];
  int next;
} Twister;

static uint32_t twist(uint32_t high, uint32_t low, uint32_t other) {
  const uint32_t mixed = (high & 0x80000000u) | (low & 0x7fffffffu);
  return other ^ (mixed >> 1) ^ (0x9908b0dfu & (0u - (mixed & 1)));
}

/* The upper 16 bits of each output of the state. */
static void temper(Twister *twister) {
  for (int i = 0; i < STATE; i++) {
    uint32_t y = twister->state[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    twister->bits[i] = (y ^ (y >> 18)) >> 16;
  }
}

static void renew(Twister *twister) {
  uint32_t *state = twister->state;
  int i = 0;
  for (; i < STATE - 397; i++) state[i] = twist(state[i], state[i + 1], state[i + 397]);
  for (; i < STATE - 1; i++) state[i] = twist(state[i], state[i + 1], state[i + 397 - STATE]);
  state[i] = twist(state[i], state[0], state[i + 397 - STATE]);
  twister->next = 0;
  temper(twister);
}

static uint32_t sixteen_bits(Twister *twister) {
  if (twister->next >= STATE) renew(twister);
  return twister->bits[twister->next++];
}

/* Draws n of n clusters with replacement: the indices of sample.int() with `seed`, the integers of .Random.seed. */
SEXP placa_resample(SEXP n_clusters, SEXP n_draws, SEXP seed) {
  const int clusters = Rf_asInteger(n_clusters), draws = Rf_asInteger(n_draws);
  Twister twister;
  twister.next = INTEGER(seed)[1];
  memcpy(twister.state, INTEGER(seed) + 2, sizeof(twister.state));
  temper(&twister);
  int bits = 0;
  while (bits < 31 && (1u << bits) < (uint32_t) clusters) bits++;
  const uint32_t mask = (1u << bits) - 1;
  SEXP counts = PROTECT(Rf_allocMatrix(RAWSXP, clusters, draws));
  Rbyte *column = RAW(counts);
  /* Indices above the last cluster are drawn again. They have cells too, because a branch is slower. */
  Rbyte *cells = (Rbyte *) R_alloc((size_t) mask + 1, 1);
  for (int draw = 0; draw < draws; draw++, column += clusters) {
    R_CheckUserInterrupt();
    memset(cells, 0, (size_t) mask + 1);
    for (int i = 0; i < clusters;) {
      uint32_t index = sixteen_bits(&twister);
      if (bits >= 16) index = index << 16 | sixteen_bits(&twister);
      index &= mask;
      cells[index] += cells[index] < 255;
      i += index < (uint32_t) clusters;
    }
    memcpy(column, cells, (size_t) clusters);
  }
  UNPROTECT(1);
  return counts;
}

/* Several draws at once: the counts of a cluster in these draws are adjacent, so that an image needs one access. */
#define LANES 16

static void adjacent_counts(const Rbyte *weight, int clusters, int draws, Rbyte *block) {
  memset(block, 0, (size_t) clusters * LANES);
  for (int lane = 0; lane < draws; lane++, weight += clusters) {
    for (int i = 0; i < clusters; i++) block[(size_t) i * LANES + lane] = weight[i];
  }
}

/* Weighted sums of `value` by cell (from 0): a matrix, cells by draws. */
SEXP placa_cell_sums(SEXP cell, SEXP value, SEXP cluster, SEXP counts, SEXP n_cells) {
  const int rows = Rf_length(cell), cells = Rf_asInteger(n_cells);
  const int clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  const int *of_cell = INTEGER(cell), *of_cluster = INTEGER(cluster);
  const double *values = REAL(value);
  Rbyte *block = (Rbyte *) R_alloc(clusters, LANES);
  double *block_sums = (double *) R_alloc((size_t) cells * LANES, sizeof(double));
  SEXP sums = PROTECT(Rf_allocMatrix(REALSXP, cells, draws));
  for (int first = 0; first < draws; first += LANES) {
    R_CheckUserInterrupt();
    const int lanes = draws - first < LANES ? draws - first : LANES;
    adjacent_counts(RAW(counts) + (size_t) first * clusters, clusters, lanes, block);
    memset(block_sums, 0, sizeof(double) * (size_t) cells * LANES);
    for (int i = 0; i < rows; i++) {
      const Rbyte *weight = block + (size_t) of_cluster[i] * LANES;
      double *sum = block_sums + (size_t) of_cell[i] * LANES;
      for (int lane = 0; lane < LANES; lane++) sum[lane] += weight[lane] * values[i];
    }
    for (int lane = 0; lane < lanes; lane++) {
      double *column = REAL(sums) + (size_t) (first + lane) * cells;
      for (int i = 0; i < cells; i++) column[i] = block_sums[(size_t) i * LANES + lane];
    }
  }
  UNPROTECT(1);
  return sums;
}

/* Sums of values by cluster (from 1). */
SEXP placa_sums_by(SEXP value, SEXP cluster, SEXP n_clusters) {
  const int rows = Rf_length(cluster), clusters = Rf_asInteger(n_clusters), *of_cluster = INTEGER(cluster);
  const double *values = REAL(value);
  SEXP sums = PROTECT(Rf_allocVector(REALSXP, clusters));
  double *sum = REAL(sums);
  memset(sum, 0, sizeof(double) * (size_t) clusters);
  for (int i = 0; i < rows; i++) sum[of_cluster[i] - 1] += values[i];
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

static void weigh_lanes(const int *of_cluster, const Rbyte *block, int from, int to, double *sums) {
  int sum[LANES] = {0};
  for (int i = from; i < to; i++) {
    const Rbyte *weight = block + (size_t) of_cluster[i] * LANES;
    for (int lane = 0; lane < LANES; lane++) sum[lane] += weight[lane];
  }
  for (int lane = 0; lane < LANES; lane++) sums[lane] = sum[lane];
}

/* Areas of curves: a matrix, draws by (AUROC, average precision, area under the ROC curve up to the false positive rate
 * `max_fpr`). Missing if a draw lacks a required class. */
SEXP placa_areas(SEXP cluster, SEXP positive_at, SEXP end, SEXP counts, SEXP max_fpr) {
  const int segments = Rf_length(end), clusters = Rf_nrows(counts), draws = Rf_ncols(counts);
  const int *of_cluster = INTEGER(cluster), *start_positive = INTEGER(positive_at), *stop = INTEGER(end);
  const double limit_fpr = Rf_asReal(max_fpr);
  const int part = limit_fpr < 1;
  Rbyte *block = (Rbyte *) R_alloc(clusters, LANES);
  SEXP areas = PROTECT(Rf_allocMatrix(REALSXP, draws, 3));
  double *auroc = REAL(areas), *precision = auroc + draws, *partial = precision + draws;
  for (int first = 0; first < draws; first += LANES) {
    R_CheckUserInterrupt();
    const int lanes = draws - first < LANES ? draws - first : LANES;
    adjacent_counts(RAW(counts) + (size_t) first * clusters, clusters, lanes, block);
    double negatives[LANES], positives[LANES], limit[LANES] = {0};
    for (int s = 0; part && s < segments; s++) {
      weigh_lanes(of_cluster, block, s ? stop[s - 1] : 0, start_positive[s], negatives);
      for (int lane = 0; lane < LANES; lane++) limit[lane] += negatives[lane];
    }
    for (int lane = 0; lane < LANES; lane++) limit[lane] *= limit_fpr;
    double tp[LANES] = {0}, fp[LANES] = {0}, area[LANES] = {0}, steps[LANES] = {0}, part_area[LANES] = {0};
    for (int s = 0; s < segments; s++) {
      weigh_lanes(of_cluster, block, s ? stop[s - 1] : 0, start_positive[s], negatives);
      weigh_lanes(of_cluster, block, start_positive[s], stop[s], positives);
      for (int lane = 0; lane < LANES; lane++) {
        const double n = negatives[lane], p = positives[lane];
        area[lane] += n * (tp[lane] + p / 2);
        const double called = tp[lane] + p + fp[lane] + n;
        steps[lane] += p * (tp[lane] + p) / (called > 0 ? called : 1);
        if (part && fp[lane] < limit[lane] && n > 0) {
          const double width = fp[lane] + n <= limit[lane] ? n : limit[lane] - fp[lane];
          part_area[lane] += width * (tp[lane] + p * width / n / 2);
        }
        tp[lane] += p;
        fp[lane] += n;
      }
    }
    for (int lane = 0; lane < lanes; lane++) {
      const int draw = first + lane, both = tp[lane] > 0 && fp[lane] > 0;
      auroc[draw] = both ? area[lane] / (tp[lane] * fp[lane]) : NA_REAL;
      precision[draw] = tp[lane] > 0 ? steps[lane] / tp[lane] : NA_REAL;
      partial[draw] = both ? (part ? part_area[lane] : area[lane]) / (tp[lane] * fp[lane]) : NA_REAL;
    }
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
