# Predictions of a cross-validation: each image is predicted by the network of its fold. The networks' probabilities may
# have different scales, so images are compared within folds only (Forman and Scholz 2010,
# <doi:10.1145/1882471.1882479>; LeDell, Petersen and van der Laan 2015, <doi:10.1214/15-EJS1035>).

# The fold of each image, numbered from 1, or NULL without the column `fold` or with a single fold. Images without a
# fold form one fold of their own.
fold_index <- function(rows) {
  fold <- rows[["fold"]]
  names <- unique(fold)
  if (is.null(fold) || length(names) < 2) {
    return(NULL)
  }
  match(fold, sort(names, na.last = TRUE, method = "radix"))
}

# The number of folds, or NULL without folds.
count_folds <- function(rows) {
  fold <- fold_index(rows)
  if (is.null(fold)) NULL else length(unique(fold))
}

# Weights of the placement values, so that AUROC is the mean of the folds' AUROCs, weighted by positives: the area under
# the covariate-adjusted ROC curve with the fold as covariate (Janes and Pepe 2009, <doi:10.1093/biomet/asp002>). An
# image of a fold without the other class has weight 0.
fold_weights <- function(truth, fold) {
  if (is.null(fold)) {
    return(rep(1, length(truth)))
  }
  positive <- truth == 1
  m <- tabulate(fold[positive], max(fold))
  n <- tabulate(fold[!positive], max(fold))
  used <- sum(m[n > 0])
  of_positive <- ifelse(n > 0, sum(m) / used, 0)
  of_negative <- m / used * sum(n) / n
  ifelse(positive, of_positive[fold], of_negative[fold])
}

# TRUE if AUROC can be estimated: both classes, in at least one fold.
has_pairs <- function(truth, fold = NULL) {
  if (is.null(fold)) {
    return(any(truth == 1) && any(truth == 0))
  }
  any(vapply(split(truth, fold), function(of_fold) length(unique(of_fold)) == 2, logical(1)))
}

# A group in two folds was predicted by a network that was trained on it.
check_folds <- function(rows, call = rlang::caller_env()) {
  fold <- fold_index(rows)
  if (is.null(fold)) {
    return(invisible())
  }
  columns <- c(patients = "patient_id", groups = "group_id")
  shared <- lapply(columns, function(column) {
    pairs <- unique(data.frame(id = rows[[column]], fold = fold)[!is.na(rows[[column]]), ])
    sort(unique(pairs$id[duplicated(pairs$id)]))
  })
  if (sum(lengths(shared)) > 0) {
    patients <- first_few(shared$patients)
    groups <- first_few(shared$groups)
    abort(
      c("A patient or group must be in one {.field fold}.",
        x = if (length(patients) > 0) "{length(patients)} patient{?s} {?is/are} in several folds: {.val {patients}}.",
        x = if (length(groups) > 0) "{length(groups)} group{?s} {?is/are} in several folds: {.val {groups}}.",
        i = "Assign folds by patient and train again. These predictions would give results that are too optimistic.",
        i = "Remove the column {.field fold} if it is not the fold of a cross-validation."),
      class = "placa_error_leak", call = call, patients = shared$patients, groups = shared$groups, images = character()
    )
  }
}
