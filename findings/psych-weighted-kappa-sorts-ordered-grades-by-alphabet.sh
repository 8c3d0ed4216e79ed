#!/usr/bin/env bash
# Expected: cohen.kappa() of R's psych uses the order of an ordered factor (normal < mild < moderate < severe) for the
#   weighted kappa.
# What happens: it sorts the grades by alphabet (mild, moderate, normal, severe), so "mild" against "severe" counts as worse
#   than "normal" against "severe". The weighted kappa is 0.47, not 0.82, without a warning. Grades as integers, or
#   levels = levels(x), give 0.82.
# Versions: r-cran-psych 2.2.9-1 with R 4.2.2 (Debian 12).
# Source: the help describes `levels` for grades that do not occur. It does not mention the order of a factor.
# Needs: Debian 12 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download --quiet=2 --option APT::Sandbox::User=root r-cran-psych=2.2.9-1 r-cran-mnormt=2.1.1-2
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
library(psych)
cat("psych", format(packageVersion("psych")), "with R", format(getRversion()), "\n")

grades <- c("normal", "mild", "moderate", "severe")
set.seed(1)
first <- sample(1:4, 200, replace = TRUE)
second <- pmin(4, pmax(1, first + sample(c(-1, 0, 0, 1), 200, replace = TRUE)))
ordered_grades <- data.frame(
  first = factor(grades[first], grades, ordered = TRUE),
  second = factor(grades[second], grades, ordered = TRUE)
)

of_factors <- cohen.kappa(ordered_grades)
of_integers <- cohen.kappa(cbind(first, second))
with_levels <- cohen.kappa(ordered_grades, levels = grades)
cat("ordered factors: ", round(of_factors$weighted.kappa, 3), "\n")
cat("rows of its table:", rownames(of_factors$agree), "\n")
cat("integers 1 to 4: ", round(of_integers$weighted.kappa, 3), "\n")
cat("levels = grades: ", round(with_levels$weighted.kappa, 3), "\n")

as_seen <- of_factors$weighted.kappa < 0.6 && of_integers$weighted.kappa > 0.8 &&
  isTRUE(all.equal(with_levels$weighted.kappa, of_integers$weighted.kappa))
if (!as_seen) stop("The behaviour changed.")
R
