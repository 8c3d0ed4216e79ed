#!/usr/bin/env bash
# Expected: the calibration error that getECE() of R's CalibratR computes does not depend on the order of the images.
# What happens: images are sorted by probability and cut into ten parts of equal size. Images with the same probability are cut
#   in the order of the table. In a table sorted by label, a model that gives the prevalence, 0.1, to all images has an
#   error of 0.18; shuffled, it has 0.03; by hand it is 0. A calibrated model with three different
#   probabilities has 0.20, 0.02 and 0. There is no warning.
# Versions: r-cran-calibratr 0.1.2-2 with R 4.2.2 (Debian 12).
# Source: not documented. The help describes bins of equal width, and bins of equal frequency for the argument.
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
calibratr=r-cran-calibratr=0.1.2-2
imports=$(apt-cache depends --recurse --important "$calibratr" | grep -o '^r-cran-[a-z0-9.]*' | grep -v '^r-cran-calibratr$' | sort -u)
# shellcheck disable=SC2086
apt-get download --quiet=2 --option APT::Sandbox::User=root "$calibratr" $imports
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
suppressPackageStartupMessages(library(CalibratR))
cat("CalibratR", format(packageVersion("CalibratR")), "with R", format(getRversion()), "\n")

# 1000 images, of which 180 or 100 are positive. Exactly the predicted part of each probability is positive.
images <- function(counts, probabilities) {
  positive <- round(counts * probabilities)
  data.frame(
    probability = rep(probabilities, counts),
    truth = unlist(Map(function(count, positive) rep(0:1, c(count - positive, positive)), counts, positive))
  )
}
models <- list(
  "three probabilities" = images(c(800, 150, 50), c(0.1, 0.4, 0.8)),
  "the prevalence for all" = images(1000, 0.1)
)
error <- function(table, rows) getECE(table$truth[rows], table$probability[rows])

set.seed(0)
found <- sapply(models, function(table) {
  by_label <- order(table$truth)
  c(negatives_first = error(table, by_label), positives_first = error(table, rev(by_label)),
    shuffled = error(table, sample(nrow(table))))
})
by_hand <- sapply(models, function(table) {
  sum(abs(tapply(table$truth - table$probability, table$probability, sum))) / nrow(table)
})
print(round(rbind(found, by_hand), 3))

sorted <- found[c("negatives_first", "positives_first"), ]
if (min(sorted) < 0.1 || max(found["shuffled", ]) > 0.06 || max(by_hand) > 1e-9) stop("The behaviour changed.")
R
