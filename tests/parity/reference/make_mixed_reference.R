# Reference values of sample statistics of ordered and continuous variables together: lavaan's wls.obs, sampstat, Gamma.
# usage: Rscript make_mixed_reference.R OUT.csv OUT.json   (makes the data too)
suppressMessages(library(lavaan))
ARGS <- commandArgs(TRUE)
set.seed(20240517)
n <- 300
f <- rnorm(n)
cut_at <- function(x, cuts) findInterval(x, cuts) + 1
d <- data.frame(
  u2 = cut_at(.7 * f + sqrt(1 - .49) * rnorm(n), .4),
  y1 = round(5 + 2 * (.8 * f + .6 * rnorm(n)), 6),
  u3 = cut_at(.6 * f + .8 * rnorm(n), c(-.7, .9)),
  # skewed, so that mean and variance covary; not more, as lavaan leaves out persons whose density is below 1.5e-8
  y2 = round(exp(.2 * (-.6 * f + .8 * rnorm(n))), 6),
  v2 = cut_at(-.5 * f + sqrt(.75) * rnorm(n), -.3),
  u5 = cut_at(.75 * f + sqrt(1 - .75^2) * rnorm(n), c(-1.4, -.5, .4, 1.3)),
  y3 = round(-300 + 40 * (.5 * f + sqrt(.75) * rnorm(n)), 4))
ordered <- c("u2", "u3", "v2", "u5")
# a tenth of the values is missing at random
gaps <- d
gaps[matrix(runif(n * ncol(d)) < .1, n)] <- NA
write.csv(rbind(cbind(case = "complete", d), cbind(case = "pairwise", gaps)), ARGS[1], row.names = FALSE, quote = FALSE)
q <- function(x) suppressWarnings(suppressMessages(x))
# one factor is fitted only to make lavaan compute Gamma, which depends on no model
statistics <- function(x, ordered, ...) {
  fit <- q(cfa(paste("f =~", paste(names(x), collapse = " + ")), x, ordered = ordered, estimator = "WLSMV", ...))
  G <- unclass(lavInspect(fit, "gamma")); s <- lavInspect(fit, "sampstat")
  list(n = lavInspect(fit, "nobs"), names = rownames(G), wls_obs = as.vector(unclass(lavInspect(fit, "wls.obs"))), gamma = unname(G),
       covariance = unname(unclass(s$cov)), means = as.vector(s$mean), thresholds = as.vector(s$th))
}
out <- list(versions = list(lavaan = as.character(packageVersion("lavaan")), R = R.version.string), ordered = ordered)
out$complete <- statistics(d, ordered)
out$pairwise <- statistics(gaps, ordered, missing = "pairwise")
out$one <- statistics(d[, c("y1", "y2", "y3", "u2")], "u2")
plain <- function(x) {
  if (is.list(x)) {
    body <- vapply(x, plain, "")
    if (is.null(names(x))) paste0("[", paste(body, collapse = ","), "]")
    else paste0("{", paste0("\"", names(x), "\":", body, collapse = ","), "}")
  } else if (is.matrix(x)) {
    paste0("[", paste(apply(x, 1, function(row) paste0("[", paste(format(row, digits = 11, trim = TRUE), collapse = ","), "]")), collapse = ","), "]")
  } else if (is.character(x)) {
    quoted <- paste0("\"", x, "\""); if (length(x) == 1) quoted else paste0("[", paste(quoted, collapse = ","), "]")
  } else {
    numbers <- vapply(x, format, "", digits = 11); if (length(x) == 1) numbers else paste0("[", paste(numbers, collapse = ","), "]")
  }
}
writeLines(plain(out), ARGS[2]); cat(ARGS[2], file.size(ARGS[2]), "\n")
