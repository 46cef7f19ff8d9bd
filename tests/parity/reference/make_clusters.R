# Persons in clusters: ICC(1), ICC(2), their limits (multilevel, aov), and cluster-robust standard errors of alpha and omega (lavaan).
# usage: Rscript make_clusters.R RESPONSES.csv OUT.json, with data/eomhs-1.0.0-synthetic/responses.csv
suppressMessages({library(multilevel); library(psych); library(lavaan); library(jsonlite)}); ARGS <- commandArgs(TRUE); out <- list(icc = list(), scales = list())
icc <- function(value, group, level = .95) {
  d <- data.frame(value = value, group = factor(group)); d <- d[!is.na(d$value), ]; d$group <- droplevels(d$group)
  m <- aov(value ~ group, d); ms <- summary(m)[[1]][["Mean Sq"]]; df <- summary(m)[[1]][["Df"]]
  n <- as.numeric(table(d$group)); G <- length(n); N <- sum(n); n0 <- (N - sum(n^2) / N) / (G - 1)
  y <- tapply(d$value, d$group, mean)
  # Wald's limits of the variance ratio: where the weighted sum of squares of the means meets quantiles of F
  F <- function(r) { w <- n / (1 + n * r); sum(w * (y - weighted.mean(y, w))^2) / (G - 1) / ms[2] }
  limit <- function(p) { low <- -1 / max(n) * (1 - 1e-9); q <- qf(p, df[1], df[2]); if (F(low) <= q) return(-1 / max(n)); uniroot(function(r) F(r) - q, c(low, 1e4), tol = 1e-14)$root }
  r_low <- limit(1 - (1 - level) / 2); r_high <- limit((1 - level) / 2)
  r <- list(n = N, n_groups = G, n0 = n0, weighted_size = sum(n^2) / N, msb = ms[1], msw = ms[2], multilevel_icc1 = ICC1(m), multilevel_icc2 = ICC2(m),
            icc1 = (ms[1] - ms[2]) / (ms[1] + (n0 - 1) * ms[2]), low = r_low / (1 + r_low), high = r_high / (1 + r_high))
  if (length(unique(n)) == 1) {
    wide <- do.call(rbind, split(d$value, d$group)); p <- suppressWarnings(psych::ICC(wide, lmer = FALSE)$results)
    r$psych <- list(icc1 = p[1, "ICC"], low = p[1, "lower bound"], high = p[1, "upper bound"], icc1k = p[4, "ICC"])
  }
  r
}
data(Dyestuff, package = "lme4"); data(Dyestuff2, package = "lme4"); data(MathAchieve, package = "nlme")
out$icc$dyestuff <- icc(Dyestuff$Yield, Dyestuff$Batch); out$icc$dyestuff2 <- icc(Dyestuff2$Yield, Dyestuff2$Batch)
out$icc$math_achieve <- icc(MathAchieve$MathAch, as.character(MathAchieve$School))
raw <- read.csv(ARGS[1]); sizes <- c(HB = 5, TB = 5, ZE = 5, CI = 6, LS = 5, CC = 5)
for (s in names(sizes)) {
  items <- paste0(s, seq_len(sizes[[s]])); x <- raw[, items]; x[x < 0] <- NA; x$unit <- raw$unit; x <- x[complete.cases(x), ]
  k <- length(items); pairs <- combn(k, 2)
  # alpha as a function of the covariances of a saturated model; omega of one factor with the model-implied total variance
  saturated <- c(sprintf("%s ~~ v%d*%s", items, seq_len(k), items), apply(pairs, 2, function(p) sprintf("%s ~~ c%d%d*%s", items[p[1]], p[1], p[2], items[p[2]])),
    sprintf("total := %s + 2*(%s)", paste0("v", seq_len(k), collapse = "+"), paste0("c", pairs[1, ], pairs[2, ], collapse = "+")),
    sprintf("alpha := %d/%d*(1 - (%s)/total)", k, k - 1, paste0("v", seq_len(k), collapse = "+")))
  one <- c(paste("f =~", paste(sprintf("l%d*%s", seq_len(k), items), collapse = " + ")), sprintf("%s ~~ e%d*%s", items, seq_len(k), items),
    sprintf("omega := (%s)^2/((%s)^2 + %s)", paste0("l", seq_len(k), collapse = "+"), paste0("l", seq_len(k), collapse = "+"), paste0("e", seq_len(k), collapse = "+")))
  fit <- function(m, ...) {
    for (tolerance in 10^-(12:8)) {
      f <- suppressWarnings(lavaan(paste(m, collapse = "\n"), x, std.lv = TRUE, int.ov.free = TRUE, meanstructure = TRUE, estimator = "ML",
        information = "expected", control = list(rel.tol = tolerance), ...))
      if (lavInspect(f, "converged")) return(f)
    }
    stop("not converged")
  }
  of <- function(f, name) { p <- parameterEstimates(f); unlist(p[p$label == name & p$op == ":=", c("est", "se")]) }
  one <- c(one, "f ~~ 1*f")
  a <- of(fit(saturated, cluster = "unit"), "alpha"); w <- of(fit(one, cluster = "unit"), "omega")
  ai <- of(fit(saturated, se = "robust.huber.white"), "alpha"); wi <- of(fit(one, se = "robust.huber.white"), "omega")
  out$scales[[s]] <- list(n = nrow(x), n_clusters = length(unique(x$unit)), alpha = a[[1]], alpha_se = a[[2]], alpha_se_independent = ai[[2]],
    omega = w[[1]], omega_se = w[[2]], omega_se_independent = wi[[2]], score = icc(rowMeans(x[, items]), x$unit))
}
out$versions <- list(multilevel = as.character(packageVersion("multilevel")), psych = as.character(packageVersion("psych")),
  lavaan = as.character(packageVersion("lavaan")), R = R.version.string)
write_json(out, ARGS[2], auto_unbox = TRUE, digits = NA, pretty = FALSE)
