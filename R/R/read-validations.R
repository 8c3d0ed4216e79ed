#' Read the external validations of a run
#'
#' @param run The path of a run.
#' @return A list of validations by name, in alphabetical order, as [validate_external()] returns them, without
#'   `predictions`; an empty list without validations.
#' @seealso [pool_validations()], [validate_external()]
#' @section Errors:
#' The errors of [read_evaluation()].
#' @export
#' @examplesIf dir.exists("runs/pneumonia")
#' read_validations("runs/pneumonia")
read_validations <- function(run) {
  check_path(run, rlang::current_env())
  folders <- sort(dirname(Sys.glob(file.path(run, "validation", "*", "summary.json"))), method = "radix")
  lapply(stats::setNames(folders, basename(folders)), read_validation, run)
}

read_validation <- function(folder, run) {
  validation <- read_evaluation(folder)
  validation$facts <- check_result(folder, "validation", run)
  class(validation) <- c("placa_validation", class(validation))
  validation
}
