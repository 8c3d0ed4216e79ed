# The first screen: task, data, performance, verdict of the audit, and limits of use.

# Facts about the run that several sections use.
headline_facts <- function(run) {
  data <- run$info$data
  found <- run$evaluation[["discrimination"]]
  all <- data$findings %||% unique(found$finding)
  findings <- setdiff(all, run$not_evaluated$finding)
  # With several findings, the most frequent one is the primary finding.
  primary <- c(findings, all)[[which.max(found$n_positive[match(findings, found$finding)] %||% 1)]]
  named <- length(all) == 1 && data$comparison$kind == "classes"
  list(
    all = all, findings = findings, nothing = !length(findings),
    primary = primary,
    positive = finding(primary),
    comparison = if (named) comparison_text(data$comparison) else s("errors.without", finding = finding(primary)),
    many = length(all) > 1,
    split = if (length(found)) found$split[[1]] else run$split %||% "test",
    folds = run$info$folds$count,
    phantom = identical(data$kind, "phantom"), embeddings = length(run$info$embeddings) > 0,
    kind = word("kind", if (has_string(paste0("kind.", data$kind))) data$kind else "other"),
    groups = if (length(found)) groups_by_truth(run, found),
    images = if (length(found)) max(found$n_images) else data$images$test,
    patients = if (length(found) && !anyNA(found$n_patients)) max(found$n_patients)
  )
}

page_title <- function(facts) {
  if (facts$many) return(s("page.title_many", n = num(length(facts$all))))
  s("page.title_one", positive = capitalise(facts$positive), comparison = facts$comparison)
}

# Attributes for filter.lua: title, language, and the words for figure and table numbers.
write_page_facts <- function(title, one_page = FALSE) {
  values <- c(lang = s("page.lang"), title = title, figure = s("crossref.figure"),
              table = s("crossref.table"),
              contents = s("page.contents"), skip = s("page.skip"), layout = if (one_page) "one-page")
  attributes <- paste(attribute(names(values), values), collapse = " ")
  write_markdown("::: {.page-facts ", attributes, "}\n:::")
}

write_headline <- function(run, facts) {
  found <- run$evaluation[["discrimination"]]
  if (nzchar(Sys.getenv("PLACA_WITHOUT_QUARTO"))) write_div("renderer", s("page.without_quarto"))
  write_markdown("::: {.hero}")
  write_markdown("[", s("page.eyebrow"), "]{.eyebrow}")
  write_markdown("# ", page_title(facts), " {#title .unnumbered .unlisted}")
  write_markdown("[", subtitle(run, facts, evaluated = !is.null(found) || facts$nothing), "]{.subtitle}")
  if (!is.null(found)) write_headline_card(run, found, facts)
  write_markdown(":::")
  if (facts$nothing) {
    write_div("notice .bad", s("headline.nothing", n = num(length(facts$all)), least = num(fewest_groups)))
  } else if (is.null(found)) {
    say("headline.missing")
  } else if (facts$split != "test") {
    known <- facts$split %in% c("train", "validation")
    write_div("notice .bad", s(if (known) "headline.not_test" else "headline.not_test_other"))
  }
  if (!is.null(found)) write_cautions(found, facts)
  if (!is.null(found)) write_left_out(run$not_evaluated, facts)
  if (!is.null(found)) write_elsewhere_notice(run, facts)
  write_verdict(run, facts)
  write_div("notice .use", paste(use_warnings(run, facts), collapse = "\n\n"))
}

# Uses that are not supported: patient care, images unlike the test images, and other findings.
use_warnings <- function(run, facts) {
  if (facts$phantom) return(s("headline.use_phantom"))
  images <- run$predictions[run$predictions$split %in% facts$split, ]
  known <- function(column) sort(unique(stats::na.omit(images[[column]])))
  ages <- range_of(known("age"))
  of <- c(
    if (length(known("site")) %in% 1:3) escape_markdown(known("site")),
    if (length(known("view"))) s("headline.of_views", views = paste(word("view", known("view")), collapse = ", ")),
    if (length(ages)) s("headline.of_ages", from = num(ages[[1]]), to = num(ages[[2]]))
  )
  c(
    s("headline.use"),
    if (length(of)) s("headline.use_images", images = paste(of, collapse = "; ")),
    s("headline.use_findings")
  )
}

range_of <- function(x) if (length(x)) range(as.numeric(x))

subtitle <- function(run, facts, evaluated) {
  if (!evaluated) return(s("page.subtitle_none"))
  key <- if (facts$many) {
    "page.subtitle_many"
  } else if (is.null(facts$patients)) {
    "page.subtitle_images"
  } else if (facts$phantom) {
    "page.subtitle_phantom"
  } else {
    "page.subtitle"
  }
  s(key, images = num(facts$images), kind = facts$kind, patients = num(facts$patients %||% NA),
    seen = seen_text(run, facts))
}

# What the model knew of the evaluated images. Only test images are called unseen.
seen_text <- function(run, facts) {
  if (facts$split %in% c("train", "validation")) return(s(paste0("page.seen_", facts$split)))
  if (facts$split != "test") return(s("page.seen_other"))
  leakage <- audit_of(run)$leakage
  if (isTRUE(max(leakage$patients_across_splits, leakage$groups_across_splits) > 0)) return(s("page.unseen_leak"))
  s(if (facts$many || is.null(facts$patients)) "page.unseen_images" else "page.unseen_patients")
}

write_headline_card <- function(run, found, facts) {
  range <- range_text(found$auroc_lower, found$auroc_upper)
  first <- match(facts$primary, found$finding)
  write_markdown(":::: {.card", if (facts$many) " .many", if (length(run$validations)) " .validated", "}")

  write_markdown("::::: {.card-figure}")
  write_markdown("[", num(mean(found$auroc, na.rm = facts$many), 3), "]{.big}")
  if (facts$many && nrow(found) == 1) {
    write_markdown(s("headline.auroc_of", finding = facts$positive), "\\\n", range)
  } else if (facts$many) {
    say("headline.auroc_many", n = num(sum(!is.na(found$auroc))))
    without <- sum(is.na(found$auroc))
    if (without > 0) say("headline.auroc_left_out", n = num(without))
  } else {
    method <- word("method_short", short_method(found, facts))
    interval <- if (is.na(found$auroc_lower)) {
      no_interval_text(facts)
    } else {
      s("headline.interval", confidence = pct(found$confidence, 0), range = range, method = method)
    }
    write_markdown(s("headline.auroc_one"), "\\\n", interval)
  }
  write_markdown(":::::")

  write_elsewhere_figure(run, facts)

  write_markdown("::::: {.card-plot}")
  names <- capitalise(finding(found$finding))
  values <- s("headline.figure_alt_value", finding = names, auroc = num(found$auroc, 3), range = range)
  alt <- s("headline.figure_alt", values = paste(values, collapse = "; "))
  file <- save_svg(headline_plot(found), "headline", if (facts$many) 6 else 4, 0.5 + 0.26 * nrow(found))
  write_markdown("![", alt, "](", file, ")\\ ")
  caption <- if (facts$many) {
    "headline.figure_caption_many"
  } else {
    if (is.na(found$auroc_lower)) "headline.figure_caption_point" else "headline.figure_caption"
  }
  write_markdown("[", s(caption), "]{.small}")
  write_markdown(":::::")

  positive <- count_share(found$n_positive[[first]], found$n_images[[first]])
  chips <- c(
    s("headline.source", source = label_source_text(run$info$data)),
    s("headline.images", n = num(facts$images)),
    if (is.null(facts$patients)) {
      s("headline.groups", n = num(max(facts$groups$total)))
    } else {
      s("headline.patients", n = num(facts$patients))
    },
    if (!facts$many) s("headline.positive", n = positive, finding = facts$positive)
  )
  write_div("card-facts", paste0("[", chips, "]{.chip}", collapse = "\n"), fence = ":::::")
  # Without an interval, a number of pairs would promise more than is known.
  if (!facts$many && !is.na(found$auroc_lower)) {
    write_markdown("[", s("headline.in_words", positive = facts$positive, n = num(100 * found$auroc)), "]{.in-words}")
  }
  write_markdown("::::")
}

# The verdict of the audit. With unknown patients, it must not claim that patients are separate.
write_verdict <- function(run, facts) {
  audit <- audit_of(run)
  leakage <- audit$leakage
  across <- max(leakage$patients_across_splits, leakage$groups_across_splits)
  unknown <- has_inferred_groups(audit) || (!is.null(run$predictions) && all(is.na(run$predictions$patient_id)))
  verdict <- if (across > 0) "bad" else if (unknown) "groups" else "good"
  twins <- duplicates_across_splits(audit)
  strong <- strong_probes(audit)
  sentences <- c(
    s(paste0("headline.verdict_", verdict), n = num(across)),
    if (twins > 0) s("headline.verdict_twins", n = num(twins)),
    shortcut_sentence(strong, run$evaluation[["discrimination"]], facts, audit$shortcuts$verdict)
  )
  class <- verdict
  if (verdict == "good" && (twins > 0 || identical(leakage$verdict, "some"))) class <- "some"
  if (!is.null(strong) || identical(leakage$verdict, "strong")) class <- "bad"
  write_div(paste0("notice .verdict .", class), paste(sentences, collapse = "\n\n"))
}

# If a simple property predicts the label, AUROC is hard to interpret, so the first screen states this.
shortcut_sentence <- function(strong, found, facts, verdict) {
  if (is.null(strong)) return(if (identical(verdict, "inconclusive")) s("headline.shortcut_unclear"))
  if (facts$many) {
    return(s("headline.shortcut_many", n = num(length(unique(strong$finding))), total = num(length(facts$findings))))
  }
  top <- strong[1, ]
  model <- found$auroc[match(top$finding, found$finding)]
  key <- if (length(model) && !is.na(model)) "headline.shortcut_model" else "headline.shortcut"
  follows <- s(if (sees_lungs(top$probe)) "headline.follows_coarse" else "headline.follows_without")
  s(key, probe = word("probe", top$probe), finding = finding(top$finding), auroc = num(top$auroc, 2),
    follows = follows, model = num(model %||% NA, 2))
}
