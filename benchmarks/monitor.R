# False alarms of monitor() where nothing changed: the patients of the test images of example_predictions() are divided
# into two random halves, 400 times, and one half is compared with the other. Prints the share of periods with a change,
# and with an interval of any variable that excludes 0. Usage: Rscript benchmarks/monitor.R
suppressPackageStartupMessages(library(placa))

here <- example_predictions()
own <- here[here$split == "test", ]
patients <- unique(own$patient_id)
set.seed(1)
alarms <- replicate(400, {
  second <- own$patient_id %in% sample(patients, length(patients) / 2)
  drift <- placa:::drift_of(own[!second, ], own[second, ], example_thresholds(), 0.95)
  c(changed = any(drift$changed), outside = any(drift$difference_lower > 0 | drift$difference_upper < 0))
})
cat(length(patients), "patients\n")
print(rowMeans(alarms))
