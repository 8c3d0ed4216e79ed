#!/usr/bin/env bash
# Expected: getMCE() of R's CalibratR returns the largest difference of observed and predicted frequency over all bins.
# What happens: it multiplies each difference by the part of the images in the bin, so with ten bins the result is a tenth of the
#   maximum calibration error. If the 100 images with the highest probabilities, about 0.9, are positive in half of the cases,
#   it is 0.04 and not 0.40. It is never larger than the mean, getECE(), of the same bins. There is no warning.
# Versions: r-cran-calibratr 0.1.2-2 with R 4.2.2 (Debian 12).
# Source: the help says "returns maximum calibration error for equal-frequency binning model".
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

# 1000 images in ten groups of 100 without ties. All groups are calibrated but the last: 0.9 is predicted, 50 are positive.
predicted <- c(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
positive <- c(100 * predicted[1:9], 50)
probability <- rep(predicted, each = 100) + rep(seq(-1e-4, 1e-4, length.out = 100), 10)
truth <- unlist(lapply(positive, function(count) rep(0:1, c(100 - count, count))))
difference <- abs(tapply(truth, rep(1:10, each = 100), mean) - tapply(probability, rep(1:10, each = 100), mean))

found <- c(maximum = getMCE(truth, probability), mean = getECE(truth, probability))
by_hand <- c(maximum = max(difference), mean = mean(difference))
print(round(rbind(CalibratR = found, by_hand), 3))

as_seen <- abs(found["maximum"] - 0.04) < 1e-6 && abs(by_hand["maximum"] - 0.4) < 1e-6 &&
  abs(found["mean"] - by_hand["mean"]) < 1e-6
if (!as_seen) stop("The behaviour changed.")
R
