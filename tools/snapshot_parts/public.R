# Calls the public functions of R on the run of the demo. Runs in the directory of the snapshot; writes results to r/.

library(placa)
options(width = 120, digits = 15, cli.num_colors = 1L)

save_table <- function(x, name) {
  x <- as.data.frame(x)
  lists <- vapply(x, is.list, logical(1))
  x[lists] <- lapply(x[lists], function(column) vapply(column, function(one) paste(format(one), collapse = " "), ""))
  utils::write.csv(x, file.path("r", paste0(name, ".csv")), row.names = FALSE)
}

exports <- sort(getNamespaceExports("placa"), method = "radix")
arguments <- vapply(exports, function(name) {
  found <- getExportedValue("placa", name)
  if (is.function(found)) paste(names(formals(args(found))), collapse = ", ") else class(found)[[1]]
}, "")
writeLines(paste0(exports, "(", arguments, ")"), "r/exports.txt")

model <- load_model("demo-run")
print(model)
images <- sort(list.files("demo-data/images", "[.]png$", full.names = TRUE), method = "radix")[1:4]
predicted <- predict(model, images)
print(predicted)
save_table(predicted, "predict")

predictions <- read_predictions("demo-run")
save_table(predictions, "predictions")
evaluation <- evaluate(predictions, read_thresholds("demo-run"), out = "r/evaluation")
print(evaluation)
for (name in names(evaluation)) {
  if (is.data.frame(evaluation[[name]])) save_table(evaluation[[name]], paste0("evaluation-", name))
}

map <- explain(model, images[[1]])
save_table(map$data, "explain")
print(class(map))

# For invalid inputs: the classes of the condition and its message.
attempts <- list(
  run = function() load_model("nowhere"),
  image = function() explain(model, "nowhere.png"),
  finding = function() explain(model, images[[1]], finding = "Nodule"),
  split = function() evaluate(predictions, read_thresholds("demo-run"), split = "tset")
)
for (name in names(attempts)) {
  found <- tryCatch(attempts[[name]](), error = identity)
  lines <- if (inherits(found, "error")) c(class(found), conditionMessage(found)) else "no error"
  writeLines(lines, file.path("r", paste0("error-", name, ".txt")))
}
