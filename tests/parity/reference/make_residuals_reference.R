# Reference values of residual correlations and their standard errors for the bfi data: lavaan's lavResiduals, type
# "cor.bollen".
# usage: Rscript make_residuals_reference.R DATA.csv OUT.json   (DATA as for make_reference.R; the first 700 persons)
suppressMessages({library(lavaan); library(jsonlite)})
ARGS <- commandArgs(TRUE)
items <- c("A1", "A2", "A3", "A4", "A5", "C1", "C2", "C3")
d <- read.csv(ARGS[1])[1:700, c(items, "gender")]
d$A1 <- 7 - d$A1
complete <- d[complete.cases(d), ]
model <- "a =~ A1 + A2 + A3 + A4 + A5\nc =~ C1 + C2 + C3"
one <- function(...) {
  fit <- suppressWarnings(cfa(model, ...))
  r <- suppressWarnings(lavResiduals(fit, type = "cor.bollen", se = TRUE, zstat = TRUE))
  groups <- if (!is.null(r$cov)) list(r) else r[sapply(r, is.list)]
  lapply(unname(groups), function(g) list(residual = unname(unclass(g$cov)), se = unname(unclass(g$cov.se))))
}
out <- list(versions = list(lavaan = as.character(packageVersion("lavaan")), R = R.version.string), model = model,
            ml = one(complete), mlr = one(complete, estimator = "MLR"), fiml = one(d, missing = "fiml"),
            groups = one(complete, group = "gender"),
            wlsmv = one(complete, ordered = items), ulsmv = one(complete, ordered = items, estimator = "ULSMV"))
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE), ARGS[2])
