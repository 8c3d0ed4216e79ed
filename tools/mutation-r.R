# Change one expression of the metrics and intervals of R at a time (an operator, a number, a logical value, a function), and
# print the changes that no test of the metrics notices. Arguments: the number of changes, 150 by default, and the seed of
# their choice, 1. The installed package must have the sources of R/R.
numbers <- as.integer(commandArgs(TRUE))
changes <- if (length(numbers) > 0) numbers[[1]] else 150L
set.seed(if (length(numbers) > 1) numbers[[2]] else 1L)
files <- c(
  "auroc-interval", "average-precision", "bootstrap-clusters", "bootstrap-intervals", "calibration-bins",
  "calibration-intervals", "calibration-measures", "choose-thresholds", "clustered-auroc", "confusion-metrics",
  "discrimination", "loss-intervals", "metric-statistic", "metrics", "metrics-of-counts", "obuchowski",
  "operating-metrics", "operating-points", "pr-points", "predictive-values", "roc-points", "score-intervals",
  "threshold-intervals"
)
# The fast tests first.
tests <- c(
  "obuchowski", "loss-intervals", "threshold-intervals", "roc-points", "calibration-bins", "bootstrap-clusters",
  "choose-thresholds", "operating-points", "operating-metrics", "curve-bands", "average-precision", "discrimination",
  "decision-curve", "clustered-auroc", "subgroups", "compare-models", "calibration-measures", "folds"
)
pairs <- c(
  "+" = "-", "*" = "/", "<" = "<=", ">" = ">=", "==" = "!=", "&&" = "||", "&" = "|", min = "max", pmin = "pmax",
  sum = "mean", any = "all", floor = "ceiling", lower = "upper", sqrt = "abs", rev = "sort"
)
pairs <- c(pairs, stats::setNames(names(pairs), pairs))

changed <- function(leaf) {
  if (is.name(leaf) && as.character(leaf) %in% names(pairs)) {
    as.name(pairs[[as.character(leaf)]])
  } else if (is.numeric(leaf) && length(leaf) == 1) {
    leaf + 1
  } else if (is.logical(leaf) && length(leaf) == 1 && !is.na(leaf)) {
    !leaf
  }
}

# The places of the expressions that can be changed, as indices for `[[`.
places <- function(code, at = NULL) {
  if (!is.call(code) && !is.pairlist(code)) {
    return(if (!identical(code, quote(expr = )) && !is.null(changed(code))) list(at)) # nolint: missing_argument_linter.
  }
  # The fourth element of a call of `function` is its source text.
  parts <- if (is.call(code) && identical(code[[1]], quote(`function`))) 2:3 else seq_along(code)
  unlist(lapply(parts, function(i) if (!is.null(code[[i]])) places(code[[i]], c(at, i))), recursive = FALSE)
}

candidates <- unlist(lapply(files, function(file) {
  lapply(as.list(parse(file.path("R/R", paste0(file, ".R")), keep.source = FALSE)), function(one) {
    if (is.call(one) && identical(one[[1]], as.name("<-"))) {
      lapply(places(one[[3]]), function(at) list(file = file, name = as.character(one[[2]]), code = one[[3]], at = at))
    }
  })
}), recursive = FALSE)
candidates <- unlist(candidates, recursive = FALSE)

survives <- function(file, name, code) {
  utils::assignInNamespace(name, eval(code, asNamespace("placa")), "placa")
  for (test in unique(c(intersect(file, tests), tests))) {
    path <- sprintf("R/tests/testthat/test-%s.R", test)
    done <- testthat::test_file(
      path, package = "placa", load_package = "installed", reporter = "silent", stop_on_failure = FALSE
    )
    if (sum(as.data.frame(done)$failed, as.data.frame(done)$error) > 0) {
      return(FALSE)
    }
  }
  TRUE
}

suppressMessages(library(placa))
chosen <- candidates[sort(sample.int(length(candidates), min(changes, length(candidates))))]
states <- vapply(chosen, function(one) {
  new <- one$code
  new[[one$at]] <- changed(new[[one$at]])
  # In a process of its own, which is ended if the change makes a loop endless.
  job <- parallel::mcparallel(survives(one$file, one$name, new), silent = TRUE)
  result <- parallel::mccollect(job, wait = FALSE, timeout = 600)[[1]]
  tools::pskill(job$pid, tools::SIGKILL)
  if (isTRUE(result)) {
    texts <- lapply(list(one$code, new), deparse, width.cutoff = 110)
    differ <- texts[[1]] != texts[[2]]
    cat(one$file, one$name, "\n", paste0("- ", texts[[1]][differ], "\n"), paste0("+ ", texts[[2]][differ], "\n"))
  }
  if (is.null(result)) "timeout" else if (isTRUE(result)) "survived" else "noticed"
}, "")
print(table(vapply(chosen, `[[`, "", "file"), states))
cat(sum(states != "survived"), "of", length(states), "changes, out of", length(candidates), "possible ones, are noticed\n")
