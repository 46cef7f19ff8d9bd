# Two-level factor models of lavaan's Demo.twolevel (y1-y6 in 200 clusters of 5 to 20).
# usage: Rscript make_two_level_reference.R OUT.json OUT.csv
suppressMessages({library(lavaan); library(semTools); library(jsonlite)}); ARGS <- commandArgs(TRUE); out <- list()
D <- Demo.twolevel[, c(paste0("y", 1:6), "cluster")]; D[, 1:6] <- round(D[, 1:6], 4)
write.table(D, ARGS[2], sep = ",", row.names = FALSE, quote = FALSE)
# BFGS goes on where the default stops, .0001 short in some estimates.
fitted <- function(model, ...) sem(model, D, cluster = "cluster", optim.method = "BFGS", control = list(reltol = 1e-15, maxit = 5000), ...)
summary_of <- function(m) {
  p <- parameterEstimates(m); s <- standardizedSolution(m)
  list(fit = as.list(fitMeasures(m)),
       parameters = p[, intersect(names(p), c("lhs", "op", "rhs", "level", "label", "est", "se", "z", "pvalue", "ci.lower", "ci.upper"))],
       standardized = s[, intersect(names(s), c("lhs", "op", "rhs", "est.std", "se"))])
}
within <- "level: 1\n fw1 =~ y1 + y2 + y3\n fw2 =~ y4 + y5 + y6\n"
two <- paste0(within, "level: 2\n fb1 =~ y1 + y2 + y3\n fb2 =~ y4 + y5 + y6")
misfit <- "level: 1\n fw =~ y1 + y2 + y3 + y4 + y5 + y6\nlevel: 2\n fb1 =~ y1 + y2 + y3\n fb2 =~ y4 + y5 + y6"
equal <- "level: 1\n f =~ y1 + a*y2 + b*y3 + c*y4\nlevel: 2\n f =~ y1 + a*y2 + b*y3 + c*y4"
m <- fitted(two); out$two <- summary_of(m); out$icc <- as.list(lavInspect(m, "icc"))
# lavaan's own search for the saturated covariances (EM) stops .0001 short in the log-likelihood: they are fitted as a model.
all_pairs <- paste(combn(items <- paste0("y", 1:6), 2, paste, collapse = " ~~ "), collapse = "\n")
variances <- paste(items, "~~", items, collapse = "\n")
m <- fitted(paste("level: 1\n", variances, "\n", all_pairs, "\nlevel: 2\n", variances, "\n", all_pairs)); h <- lavInspect(m, "implied")
out$saturated <- list(logl = as.numeric(logLik(m)), within = h$within$cov, between = h$cluster$cov, mean = h$cluster$mean)
m <- fitted(paste("level: 1\n", variances, "\nlevel: 2\n", variances)); out$independent <- list(logl = as.numeric(logLik(m)))
out$misfit <- summary_of(fitted(misfit)); out$equal <- summary_of(fitted(equal)); out$robust <- summary_of(fitted(two, estimator = "MLR"))
m <- fitted(two); out$two$reliability <- list(latent = compRelSEM(m, obs.var = FALSE), shared = compRelSEM(m, obs.var = FALSE, shared = c("fb1", "fb2"))$shared)
m <- fitted(equal); out$equal$reliability <- list(latent = compRelSEM(m, obs.var = FALSE), config = compRelSEM(m, obs.var = FALSE, config = "f")$config, shared = compRelSEM(m, obs.var = FALSE, shared = "f")$shared)
free <- gsub("[abc]\\*", "", equal); difference <- function(...) { t <- lavTestLRT(fitted(equal, ...), fitted(free, ...))
  list(chisq_diff = t[2, "Chisq diff"], df_diff = t[2, "Df diff"], p = t[2, "Pr(>Chisq)"]) }
out$nested <- list(ML = difference(), MLR = difference(estimator = "MLR"))
out$versions <- list(lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")), R = R.version.string)
write_json(out, ARGS[1], auto_unbox = TRUE, digits = NA, pretty = FALSE)
