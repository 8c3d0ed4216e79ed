#!/usr/bin/env bash
# Expected: with ci.fit = TRUE, optimal.cutpoints() of R's OptimalCutpoints gives the exact interval of Clopper and Pearson (the
#   default, "Exact") of the positive predictive value, as it does for sensitivity and specificity.
# What happens: the upper limit of the positive predictive value takes an F quantile from the false negatives where the false
#   positives belong; the interval of the negative predictive value mixes them likewise. With 45 of 50 pneumonias found and 190
#   false alarms among 950 other images, the positive predictive value is 0.19 with an interval of 0.17 to 0.43; binom.test() gives
#   0.14 to 0.25. Intervals of sensitivity and specificity are right.
# Versions: r-cran-optimalcutpoints 1.1-5 with R 4.2.2 (Debian 12).
# Source: the help of control.cutpoints() cites Clopper and Pearson (1934) for "Exact". The warnings that "Exact" may not be valid
#   for some values are about cutoffs where a count is 0, which the chosen one is not.
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
apt-get download --quiet=2 --option APT::Sandbox::User=root r-cran-optimalcutpoints=1.1-5-1
dpkg-deb --extract r-cran-optimalcutpoints_*.deb unpacked

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - 2>warnings <<'R' || { cat warnings; exit 1; }
suppressPackageStartupMessages(library(OptimalCutpoints))
cat("OptimalCutpoints", format(packageVersion("OptimalCutpoints")), "with R", format(getRversion()), "\n")

# A screening set: 50 images with pneumonia, 45 found; 950 without, 190 false alarms.
images <- data.frame(
  pneumonia = rep(1:0, c(50, 950)),
  probability = c(rep(c(0.8, 0.2), c(45, 5)), rep(c(0.8, 0.2), c(190, 760)))
)
fitted <- optimal.cutpoints(
  X = "probability", status = "pneumonia", tag.healthy = 0, methods = "Youden", data = images, ci.fit = TRUE
)
at <- fitted$Youden$Global$optimal.cutoff
package <- rbind(sensitivity = at$Se[1, ], specificity = at$Sp[1, ], PPV = at$PPV[1, ], NPV = at$NPV[1, ])
exact <- rbind(
  binom.test(45, 50)$conf.int, binom.test(760, 950)$conf.int, binom.test(45, 235)$conf.int, binom.test(760, 765)$conf.int
)
colnames(exact) <- c("binom.ll", "binom.ul")
print(round(cbind(package, exact), 4))

equal <- abs(package[, c("ll", "ul")] - exact) < 1e-6
as_seen <- all(equal[c("sensitivity", "specificity"), ]) && !any(equal[c("PPV", "NPV"), ]) && abs(package["PPV", "ul"] - 0.43328) < 1e-4
if (!as_seen) stop("The behaviour changed.")
R
