#!/usr/bin/env bash
# Expected: groupKFold(patients, k = 10) of R's caret makes 10 folds with about the same number of patients. Without k it
#   leaves out one patient at a time.
# What happens: each patient is put in one of k folds at random, and folds that get no patient are dropped. For ten patients,
#   k = 10 and the default give 6.5 folds in the mean, with one to three patients each. For 30 patients, 38 % of the calls with
#   k = 10 return fewer than 10 folds, and the largest fold has five times as many patients as the smallest. There is
#   no warning.
# Versions: r-cran-caret 6.0-93+dfsg-1 with R 4.2.2 (Debian 12).
# Source: not documented. The help says that "k" is the number of folds.
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
caret=r-cran-caret=6.0-93+dfsg-1
imports=$(apt-cache depends --recurse --important "$caret" | grep -o '^r-cran-[a-z0-9.]*' | grep -v '^r-cran-caret$' | sort -u)
# shellcheck disable=SC2086
apt-get download --quiet=2 --option APT::Sandbox::User=root "$caret" $imports
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

TZ=UTC R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
group_folds <- caret::groupKFold
cat("caret", format(packageVersion("caret")), "with R", format(getRversion()), "\n")

patients_per_fold <- function(patients, ...) {
  images <- rep(sprintf("P%03d", seq_len(patients)), each = 3)
  vapply(group_folds(images, ...), function(training) length(unique(images[-training])), 0L)
}
thousand_calls <- function(...) lapply(1:1000, function(call) patients_per_fold(...))
show <- function(label, calls) {
  folds <- lengths(calls)
  cat(sprintf(
    "%s: %.1f folds in the mean (%d to %d), fewer than 10 in %.0f %%, patients in the smallest and largest fold %.1f and %.1f\n",
    label, mean(folds), min(folds), max(folds), 100 * mean(folds < 10),
    mean(vapply(calls, min, 0L)), mean(vapply(calls, max, 0L))
  ))
  folds
}

set.seed(0)
cat("10 patients, k by default, one call: patients per fold", patients_per_fold(10), "\n")
by_default <- show("10 patients, k by default", thousand_calls(10))
ten <- show("10 patients, k = 10      ", thousand_calls(10, k = 10))
thirty <- show("30 patients, k = 10      ", thousand_calls(30, k = 10))

if (mean(by_default) > 7.5 || mean(ten) > 7.5 || mean(thirty < 10) < 0.2) stop("The behaviour changed.")
R
