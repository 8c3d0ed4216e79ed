# Lint the R package; exits with 1 if something is found. Files that have not changed since they were clean are skipped.
files <- list.files("R", "[.](R|Rmd)$", recursive = TRUE)
lintr <- as.character(utils::packageVersion("lintr"))
checksums <- paste(files, tools::md5sum(file.path("R", files)), tools::md5sum("R/.lintr"), lintr)
known <- ".make/lintr-clean"
clean <- if (file.exists(known)) checksums %in% readLines(known) else logical(length(files))
# lintr 3.0 warns about one of its own default linters.
found <- suppressWarnings(lintr::lint_package("R", exclusions = as.list(files[clean])))
print(found)
if (!length(found)) writeLines(checksums, known)
quit(status = length(found) > 0)
