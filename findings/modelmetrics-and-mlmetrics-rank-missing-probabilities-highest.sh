#!/usr/bin/env bash
# Expected: auc() of R's ModelMetrics and AUC() of MLmetrics return NA, drop the image or stop if a probability is missing.
# What happens: both rank a missing probability above all others: the model is taken to be sure of the finding. If half of
#   the positive images have no probability (a reader that fails on portable films), a model that guesses has
#   an AUROC of about 0.75. If half of the negative ones have none, it has 0.25. There is no warning.
# Versions: r-cran-modelmetrics 1.2.2.2-1+b1, r-cran-mlmetrics 1.1.1-3 with R 4.2.2 (Debian 12).
# Source: not documented. Both use a rank function whose default puts missing values last.
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download --quiet=2 --option APT::Sandbox::User=root \
  r-cran-modelmetrics=1.2.2.2-1+b1 r-cran-data.table=1.14.8+dfsg-1 r-cran-rcpp=1.0.10-1 \
  r-cran-mlmetrics=1.1.1-3 r-cran-rocr=1.0-11-2 r-cran-gplots=3.1.3-1 r-cran-gtools=3.9.4-1 \
  r-cran-catools=1.18.2-1+b1 r-cran-bitops=1.0-7-1
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
for (package in c("ModelMetrics", "MLmetrics")) cat(package, format(packageVersion(package)), "")
cat("with R", format(getRversion()), "\n")

set.seed(0)
truth <- rep(0:1, each = 1000)
guess <- runif(2000)
without <- function(images) replace(guess, images, NA)
predictions <- list(
  "all images" = guess,
  "half of the positives missing" = without(1501:2000),
  "half of the negatives missing" = without(1:500)
)
found <- sapply(predictions, function(probability) {
  c(ModelMetrics = ModelMetrics::auc(truth, probability), MLmetrics = MLmetrics::AUC(probability, truth))
})
print(round(t(found), 3))

meant <- c(0.5, 0.75, 0.25)
if (any(is.na(found)) || any(abs(sweep(found, 2, meant)) > 0.05)) stop("The behaviour changed.")
R
