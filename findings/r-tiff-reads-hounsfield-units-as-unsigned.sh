#!/usr/bin/env bash
# Expected: readTIFF(as.is = TRUE) of R's tiff returns the original integers, as its help says, for a CT slice in
#   Hounsfield units too (16-bit signed TIFF, as SimpleITK and tifffile write it).
# What happens: air of -1000 HU is 64536, without a warning. The highest value of the slice is air, not bone. Without
#   as.is = TRUE there is a warning, and it recommends as.is = TRUE. info = TRUE gives sample.format "int".
#   A value above 32767 minus 65536 is right.
# Versions: r-cran-tiff 0.1-11-1+b1 with R 4.2.2 (Debian 12), SimpleITK 2.5.7, numpy 2.4.6.
# Source: the help of readTIFF(): "an attempt will be made to return the original integer values".
# Needs: Debian 12 on amd64 with r-base and its package lists (apt-get update), Python 3.11 or newer, PyPI.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check SimpleITK==2.5.7 numpy==2.4.6
apt-get download --quiet=2 --option APT::Sandbox::User=root r-cran-tiff=0.1-11-1+b1
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done

venv/bin/python - <<'PY'
import numpy as np
import SimpleITK as sitk

# Air, lung, fat, water, muscle, bone.
slice_ = np.array([[-1000, -800, -100], [0, 50, 700]], np.int16)
sitk.WriteImage(sitk.GetImageFromArray(slice_), "slice.tif")
again = sitk.GetArrayFromImage(sitk.ReadImage("slice.tif"))
print("SimpleITK", sitk.Version_VersionString(), "writes and reads", again.tolist())
assert (again == slice_).all()
PY

R_LIBS="$work/unpacked/usr/lib/R/site-library" Rscript --vanilla - <<'R'
cat("tiff", format(packageVersion("tiff")), "with R", format(getRversion()), "\n")
warned <- NULL
quiet <- function(read) {
  withCallingHandlers(read, warning = function(condition) {
    warned <<- c(warned, conditionMessage(condition))
    invokeRestart("muffleWarning")
  })
}
as_is <- quiet(tiff::readTIFF("slice.tif", as.is = TRUE, info = TRUE))
cat("as.is = TRUE:", t(as_is), "\n  sample.format:", attr(as_is, "sample.format"), " warnings:", length(warned), "\n")
scaled <- quiet(tiff::readTIFF("slice.tif"))
cat("by default:  ", round(t(scaled), 3), "\n  warnings:", length(warned), "\n")
recommends <- any(grepl("as.is=TRUE", warned, fixed = TRUE))
cat("The warning recommends as.is=TRUE:", recommends, "\n")
right <- ifelse(as_is > 32767, as_is - 65536, as_is)
cat("corrected:   ", t(right), "\n")
as_seen <- identical(as.integer(t(as_is)), c(64536L, 64736L, 65436L, 0L, 50L, 700L)) && length(warned) == 1 &&
  recommends && identical(as.integer(t(right)), c(-1000L, -800L, -100L, 0L, 50L, 700L))
if (!as_seen) stop("The behaviour changed.")
R
