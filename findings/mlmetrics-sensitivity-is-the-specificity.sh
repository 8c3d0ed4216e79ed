#!/usr/bin/env bash
# Expected: Sensitivity(), Recall(), Precision() and F1_Score() of R's MLmetrics, called with 0 and 1, are those of the finding, 1, as
#   AUC() and LogLoss() of the same package take 1 for the finding.
# What happens: without the argument `positive`, the first level is the finding, and that is 0. Sensitivity() is the specificity, and
#   Specificity() the sensitivity. Of a model that misses 40 of 50 pneumonias in 1,000 images and has no false alarm, the
#   sensitivity is 1.00 and the F1 0.98; right are 0.20 and 0.33. There is no warning.
# Versions: r-cran-mlmetrics 1.1.1-3 with R 4.2.2 (Debian 12).
# Source: the help says that y_true is a "0-1 labels vector" and `positive` "an optional character string for the factor level that
#   corresponds to a "positive" result"; it does not name the level that is used without it.
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
mlmetrics=r-cran-mlmetrics=1.1.1-3
imports=$(apt-cache depends --recurse --important "$mlmetrics" | grep -o '^r-cran-[a-z0-9.]*' | grep -v '^r-cran-mlmetrics$' | sort -u)
# shellcheck disable=SC2086
apt-get download --quiet=2 --option APT::Sandbox::User=root "$mlmetrics" $imports
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
suppressPackageStartupMessages(library(MLmetrics))
cat("MLmetrics", format(packageVersion("MLmetrics")), "with R", format(getRversion()), "\n")

# 1,000 images, 50 with pneumonia; the model calls 10 of them and nothing else.
truth <- rep(1:0, c(50, 950))
called <- rep(c(1, 0), c(10, 990))
found <- c(
  sensitivity = Sensitivity(truth, called), specificity = Specificity(truth, called), recall = Recall(truth, called),
  precision = Precision(truth, called), f1 = F1_Score(truth, called)
)
by_hand <- c(sensitivity = 10 / 50, specificity = 1, recall = 10 / 50, precision = 1, f1 = 2 * 10 / (2 * 10 + 40))
print(round(rbind(MLmetrics = found, by_hand), 3))
cat("AUC() takes 1 for the finding:", AUC(called, truth), "\n")

as_seen <- abs(found["sensitivity"] - 1) < 1e-9 && abs(found["specificity"] - 0.2) < 1e-9 &&
  abs(found["f1"] - 2 * 950 / (2 * 950 + 40)) < 1e-9 && abs(AUC(called, truth) - 0.6) < 1e-9
if (!as_seen) stop("The behaviour changed.")
R
