# Cautions on the first screen: few patients, results near or below chance.

# A class with fewer independent patients or groups allows no conclusion; the same number as in the audit.
fewest_groups <- 10

# The independent patients or groups with and without each finding, among the evaluated images.
groups_by_truth <- function(run, found) {
  rows <- run$predictions
  if (!is.null(rows)) rows <- rows[rows$split %in% found$split[[1]] & !is.na(rows$truth), ]
  count <- function(name, truth) {
    if (is.null(rows)) return(NA_integer_)
    of <- rows[rows$finding == name & rows$truth %in% truth, ]
    length(unique(cluster_names(of)))
  }
  counts <- function(truth) vapply(found$finding, count, 1L, truth = truth, USE.NAMES = FALSE)
  data.frame(finding = found$finding, total = counts(0:1), with = counts(1), without = counts(0))
}

no_interval_text <- function(facts) {
  s(paste0("headline.no_interval_", if (is.null(facts$patients)) "groups" else "patients"),
    n = num(facts$groups$total[[1]]))
}

write_cautions <- function(found, facts) {
  few <- facts$groups[which(pmin(facts$groups$with, facts$groups$without) < fewest_groups), ]
  if (facts$many) return(write_cautions_many(found, few))
  if (nrow(few)) {
    key <- paste0("headline.few_", if (is.null(facts$patients)) "groups" else "patients")
    write_div("notice .bad", s(key, with = num(few$with), without = num(few$without), finding = facts$positive))
  }
  if (isTRUE(found$auroc_upper < 0.5)) {
    write_div("notice .bad", s("headline.below_chance"))
  } else if (isTRUE(found$auroc_lower <= 0.5)) {
    write_div("notice", s("headline.coin_toss"))
  }
}

write_cautions_many <- function(found, few) {
  found <- found[!is.na(found$auroc), ]
  list_of <- function(names) paste(finding(names), collapse = ", ")
  unclear <- found$finding[is.na(found$auroc_lower) | found$auroc_lower <= 0.5]
  mean <- mean(found$auroc)
  sentences <- c(
    if (isTRUE(mean < 0.5)) s("headline.below_chance_mean", auroc = num(mean, 3)),
    if (length(unclear)) s("headline.coin_toss_many", n = num(length(unclear)), total = num(nrow(found)),
                           findings = list_of(unclear)),
    if (nrow(few)) s("headline.few_many", n = num(nrow(few)), total = num(nrow(found)), least = num(fewest_groups),
                     findings = list_of(few$finding))
  )
  if (length(sentences)) write_div("notice .bad", paste(sentences, collapse = "\n\n"))
}

# Of several findings, those with too few patients or groups with or without them cannot be evaluated: they are in one
# table instead of in all figures. The data and the audit have all findings.
set_aside_rare <- function(run) {
  found <- run$evaluation[["discrimination"]]
  if (NROW(found) < 2) return(run)
  counts <- groups_by_truth(run, found)
  # Without predictions, only the images are known.
  known <- !is.na(counts$with)
  with <- ifelse(known, counts$with, found$n_positive)
  without <- ifelse(known, counts$without, found$n_images - found$n_positive)
  rare <- pmin(with, without) < fewest_groups | is.na(found$auroc)
  if (!any(rare)) return(run)
  run$not_evaluated <- data.frame(
    finding = found$finding[rare], n_images = found$n_images[rare], n_positive = found$n_positive[rare],
    with = with[rare], without = without[rare]
  )
  # Without any evaluated finding, no table remains.
  if (all(rare)) run["evaluation"] <- list(NULL) else run <- keep_results(run, found$finding[!rare])
  run
}

# One sentence on the first screen; the table is in the section on performance.
write_left_out <- function(left, facts) {
  if (NROW(left) == 0) return(invisible())
  write_div("notice", s("headline.left_out", n = num(nrow(left)), total = num(length(facts$all)),
                        least = num(fewest_groups), findings = paste(finding(left$finding), collapse = ", ")))
}
