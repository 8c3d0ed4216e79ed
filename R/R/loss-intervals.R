# Mean losses of images (Brier score, log loss) with intervals from a score test. A small set may hold none of the few
# confident errors that determine a mean loss, and then its own variance is too small. So the variance is that under the
# hypothesis, as in the test of Spiegelhalter (1986, <doi:10.1002/sim.4780050506>): the log odds of the labels are
# `slope` times those of the probabilities, and each slope has one mean loss. The limits are the mean losses that the
# images do not contradict. Losses are skewed to the right, so the lower limit has the correction for skewness of
# Johnson (1978, <doi:10.1080/01621459.1978.10480051>).

brier_of <- function(probability, truth, cluster) loss_quantity(truth, probability, cluster, image_losses$brier)

# Infinite if a probability of 0 or 1 is wrong.
log_loss_quantity <- function(truth, probability, cluster) {
  loss_quantity(truth, probability, cluster, image_losses$log_loss)
}

# 1 minus the ratio of the Brier score to that of the prevalence.
brier_scaled_quantity <- function(truth, probability, cluster) {
  share <- mean(truth)
  reference <- share * (1 - share)
  if (reference == 0) {
    return(no_quantity(max(cluster)))
  }
  scaled <- loss_quantity(truth, probability, cluster, image_losses$brier, share)
  transformed(scaled, function(loss) 1 - loss / reference)
}

# With `share`, the proportion of positive images, the variance is that of the ratio to `share * (1 - share)`.
loss_quantity <- function(truth, probability, cluster, loss, share = NULL) {
  present <- loss(rep(1, length(truth)), probability)
  absent <- loss(rep(0, length(truth)), probability)
  own <- ifelse(truth == 1, present, absent)
  estimate <- mean(own)
  if (!is.finite(estimate)) {
    missing <- no_quantity(max(cluster))
    missing$estimate <- estimate
    return(missing)
  }
  # The label is certain where the other label has an infinite loss.
  present[is.infinite(present)] <- own[is.infinite(present)]
  absent[is.infinite(absent)] <- own[is.infinite(absent)]
  sums <- sums_by(own - estimate, cluster, max(cluster))
  quantity(estimate, sums / length(own), function(confidence) {
    # If both labels have the same loss, as the Brier score of 0.5, there is no variance.
    if (all(present == absent)) c(NA_real_, NA_real_) else
      loss_limits(own, present, absent, finite_log_odds(probability), cluster, confidence, share)
  })
}

loss_limits <- function(own, present, absent, z, cluster, confidence, share) {
  estimate <- mean(own)
  reach <- student_quantile(confidence, kish(tabulate(cluster)) - 1)
  if (is.na(reach)) {
    return(c(NA_real_, NA_real_))
  }
  images <- length(own) / design_effect_of(own - estimate, cluster)
  of_slope <- function(slope) {
    positive <- logistic(slope * z)
    mean_loss <- mean(absent + positive * (present - absent))
    off <- if (is.null(share)) 0 else mean_loss * (1 - 2 * share) / (share * (1 - share))
    if_present <- present - mean_loss - (1 - mean(positive)) * off
    if_absent <- absent - mean_loss + mean(positive) * off
    squares <- list(if_present^2, if_absent^2)
    expected <- function(of_present, of_absent) mean(of_absent + positive * (of_present - of_absent))
    variance <- expected(squares[[1]], squares[[2]])
    third <- expected(squares[[1]] * if_present, squares[[2]] * if_absent)
    c(difference = estimate - mean_loss, std_error = sqrt(variance / images),
      skewness = third / sqrt(variance^3 * images))
  }
  # The limit is the mean loss of the slope at which the distance from the estimate is `target` standard errors, with
  # `correction` for skewness. If every slope is nearer, as the largest where all labels are likely, it is beyond.
  limit <- function(target, correction) {
    reach_of <- function(of) (target + correction * of[["skewness"]]) * of[["std_error"]]
    excess <- function(slope) {
      of <- of_slope(slope)
      of[["difference"]] - reach_of(of)
    }
    # Slopes as multiples of the spread of the log odds, so that any scale works.
    slopes <- c(-30, 30) / sqrt(mean(z^2))
    ends <- c(excess(slopes[[1]]), excess(slopes[[2]]))
    slope <- if (ends[[1]] > 0) slopes[[1]] else if (ends[[2]] < 0) slopes[[2]] else
      stats::uniroot(excess, slopes, f.lower = ends[[1]], f.upper = ends[[2]], tol = 1e-7)$root
    estimate - reach_of(of_slope(slope))
  }
  normal <- stats::qnorm((1 + confidence) / 2)
  # Where nearly all images have their largest loss, the correction would move the limit above the estimate.
  c(min(max(limit(reach, (normal^2 - 1) / 6), 0), estimate), limit(-reach, 0))
}

# Log odds; those of 0 and 1 are as large as the largest of the other images.
finite_log_odds <- function(probability) {
  z <- stats::qlogis(probability)
  largest <- max(1, abs(z[is.finite(z)]))
  pmin(pmax(z, -largest), largest)
}
