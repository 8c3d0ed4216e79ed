#!/usr/bin/env bash
# Expected: diagnosis() of R's DiagnosisMed prints Simel's interval of the positive likelihood ratio, which its help cites,
#   and an interval around Youden's index.
# What happens: the variance of the positive likelihood ratio has the specificity where the sensitivity belongs. If 20 of 100
#   positive and 18 of 900 negative images are called positive, the 95 % interval is 6.1 to 16.3 and not 5.5 to 18.3; with a
#   sensitivity of 5 of 100 it is 1.5 to 4.1 and not 0.9 to 6.6, which includes 1. Youden's index of 0.18 has the "95 %"
#   interval 0.183 to 0.177: the bounds are in the wrong order and 31 times too close. There is no warning.
# Versions: r-cran-diagnosismed 0.2.3-7 with R 4.2.2 (Debian 12).
# Source: the help cites Simel, Samsa and Matchar, J Clin Epidemiol 1991;44:763, and names the normal approximation for both.
# Needs: Debian 12 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download --quiet=2 --option APT::Sandbox::User=root \
  r-cran-diagnosismed=0.2.3-7 r-cran-epitools=1:0.5-10.1-2 r-cran-teachingdemos=2.12-2 r-cran-amore=0.2-16-2
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
suppressWarnings(suppressPackageStartupMessages(library(DiagnosisMed)))
cat("DiagnosisMed", format(packageVersion("DiagnosisMed")), "with R", format(getRversion()), "\n")

by_hand <- function(tp, fn, fp, tn) {
  se <- tp / (tp + fn)
  sp <- tn / (fp + tn)
  z <- qnorm(0.975) * c(-1, 1)
  list(
    ratio = exp(log(se / (1 - sp)) + z * sqrt(1 / tp - 1 / (tp + fn) + 1 / fp - 1 / (fp + tn))),
    youden = se + sp - 1 + z * sqrt(se * (1 - se) / (tp + fn) + sp * (1 - sp) / (fp + tn))
  )
}
show <- function(tp, fn, fp, tn) {
  found <- suppressWarnings(diagnosis(tp, fn, fp, tn, print = FALSE))
  ratio <- c(found$PLR.inf.cl, found$PLR.sup.cl)
  youden <- c(found$Youden.inf.cl, found$Youden.sup.cl)
  right <- by_hand(tp, fn, fp, tn)
  cat(sprintf("%d of %d positive and %d of %d negative images called positive\n", tp, tp + fn, fp, fp + tn))
  cat(sprintf("  positive likelihood ratio %.2f: %.2f to %.2f, by hand %.2f to %.2f\n",
              found$PLR, ratio[1], ratio[2], right$ratio[1], right$ratio[2]))
  cat(sprintf("  Youden's index %.3f: %.3f to %.3f, by hand %.3f to %.3f\n",
              found$Youden, youden[1], youden[2], right$youden[1], right$youden[2]))
  c(narrower = diff(log(ratio)) / diff(log(right$ratio)), youden = diff(youden) / diff(right$youden),
    hides_one = ratio[1] > 1 && right$ratio[1] < 1)
}
often <- show(20, 80, 18, 882)
rarely <- show(5, 95, 18, 882)

as_seen <- often["narrower"] < 0.9 && rarely["narrower"] < 0.6 && rarely["hides_one"] == 1 &&
  often["youden"] < 0 && often["youden"] > -0.1
if (!as_seen) stop("The behaviour changed.")
R
