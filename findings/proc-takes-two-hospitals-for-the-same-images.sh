#!/usr/bin/env bash
# Expected: roc.test() of R's pROC compares the AUROCs of two hospitals with the test for independent samples.
# What happens: it takes two curves as curves of the same images if their label vectors are the same, as they are for two
#   balanced sets of equal size that are sorted by label. If both tables are also sorted by probability, the hospitals
#   seem correlated: p is below 0.00001, and the test for independent samples gives 0.42. The other way round, one
#   test set in two orders is taken as two independent samples. Only the title of the result names the test.
#   paired = FALSE avoids this, and then pROC warns that the curves seem to be paired.
# Versions: r-cran-proc 1.18.0-1+b1 with R 4.2.2 (Debian 12).
# Source: the help of are.paired() documents the comparison of labels. It does not mention other data sets.
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download --quiet=2 --option APT::Sandbox::User=root \
  r-cran-proc=1.18.0-1+b1 r-cran-plyr=1.8.8-1 r-cran-rcpp=1.0.10-1
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
suppressPackageStartupMessages(library(pROC))
cat("pROC", format(packageVersion("pROC")), "with R", format(getRversion()), "\n")

hospital <- function(seed, difference) {
  set.seed(seed)
  truth <- rep(0:1, each = 100)
  images <- data.frame(truth, probability = plogis(rnorm(200) + difference * truth))
  images[order(images$truth, images$probability), ]
}
curve <- function(images) roc(images$truth, images$probability, quiet = TRUE)
show <- function(label, test) cat(sprintf("%s: p = %.5f, %s\n", label, test$p.value, test$method))

here <- curve(hospital(1, 1.2))
there <- curve(hospital(2, 1.0))
cat("AUROC", round(auc(here), 3), "and", round(auc(there), 3), "\n")
by_default <- roc.test(here, there)
independent <- roc.test(here, there, paired = FALSE)
show("two hospitals, by default    ", by_default)
show("two hospitals, paired = FALSE", independent)

images <- hospital(1, 1.2)
second_model <- transform(images, probability = plogis(qlogis(probability) + rnorm(200, sd = 0.3)))
same_order <- roc.test(curve(images), curve(second_model))
other_order <- roc.test(curve(images), curve(second_model[sample(200), ]))
show("one test set, same order     ", same_order)
show("one test set, other order    ", other_order)

paired <- function(test) grepl("correlated", test$method)
as_seen <- paired(by_default) && by_default$p.value < 1e-5 && independent$p.value > 0.05 &&
  paired(same_order) && !paired(other_order)
if (!as_seen) stop("The behaviour changed.")
R
