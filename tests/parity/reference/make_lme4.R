# Variance components, means and their profile limits of persons in groups, from lme4 (REML).
# usage: Rscript make_lme4.R RESPONSES.csv OUT.json, with data/eomhs-1.0.0-synthetic/responses.csv
suppressMessages({library(lme4); library(jsonlite)}); ARGS <- commandArgs(TRUE); out <- list()
reference <- function(value, group) {
  d <- data.frame(value = value, group = factor(group)); d <- d[!is.na(d$value), ]
  tight <- lmerControl(optimizer = "Nelder_Mead", optCtrl = list(xst = 1e-8, xt = 1e-12, FtolAbs = 1e-14, FtolRel = 1e-15, maxfun = 1e5), check.conv.singular = "ignore")
  deviance <- lmer(value ~ 1 + (1 | group), d, REML = TRUE, devFunOnly = TRUE)
  # one parameter, theta = sqrt(between / within): found by root and interval search on lme4's own criterion
  best <- optimize(deviance, c(0, 20), tol = 1e-12); if (deviance(0) <= best$objective) best <- list(minimum = 0, objective = deviance(0))
  m <- suppressMessages(update(lmer(value ~ 1 + (1 | group), d, REML = TRUE, control = tight), start = best$minimum))
  theta <- getME(m, "theta"); bound <- deviance(best$minimum) + qchisq(.95, 1); over <- function(t) deviance(t) - bound
  low <- if (over(0) <= 0) 0 else uniroot(over, c(0, best$minimum), tol = 1e-13)$root
  high <- uniroot(over, c(best$minimum, 50), tol = 1e-13)$root; icc <- function(t) t^2 / (1 + t^2)
  r <- ranef(m, condVar = TRUE)$group
  list(n = nrow(d), n_groups = nlevels(d$group), mean = unname(fixef(m)), mean_variance = as.matrix(vcov(m))[1, 1], within = sigma(m)^2,
       between = unname((theta * sigma(m))^2), criterion = deviance(best$minimum), criterion_at = list(theta = c(0, .1, .5, 2), value = sapply(c(0, .1, .5, 2), deviance)),
       icc1 = icc(best$minimum), icc1_low = icc(low), icc1_high = icc(high),
       groups = rownames(r), modes = unname(fixef(m)) + r[, 1], mode_variance = attr(r, "postVar")[1, 1, ])
}
out$dyestuff <- reference(Dyestuff$Yield, Dyestuff$Batch); out$dyestuff2 <- reference(Dyestuff2$Yield, Dyestuff2$Batch)
data(MathAchieve, package = "nlme"); out$math_achieve <- reference(MathAchieve$MathAch, as.character(MathAchieve$School))
raw <- read.csv(ARGS[1]); sizes <- c(HB = 5, TB = 5, ZE = 5, CI = 6, LS = 5, CC = 5)
for (s in names(sizes)) {
  x <- raw[, paste0(s, seq_len(sizes[[s]]))]; points <- x; points[points < 0] <- NA
  score <- (rowMeans(points, na.rm = TRUE) - 1) / 4 * 100
  score[rowSums(!is.na(points)) < 4 | rowSums(x == -7, na.rm = TRUE) * 3 > sizes[[s]]] <- NA
  out[[paste0("synthetic_", s)]] <- reference(score, raw$unit)
}
out$versions <- list(lme4 = as.character(packageVersion("lme4")), R = R.version.string)
write_json(out, ARGS[2], auto_unbox = TRUE, digits = NA, pretty = FALSE)
