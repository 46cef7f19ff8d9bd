# Reference values of ordinal correlations for the bfi data: lavaan's polychoric correlations, thresholds and Gamma, R's
# Spearman correlations, psych's smoothing.
# usage: Rscript make_polychoric_reference.R DATA.csv SPEC.json OUT.json   (DATA, SPEC as for make_reference.R)
suppressMessages({library(psych); library(lavaan)})
ARGS <- commandArgs(TRUE)
text <- paste(readLines(ARGS[2], warn = FALSE), collapse = "")
strings <- function(key) {
  part <- regmatches(text, regexpr(paste0("\"", key, "\" *: *\\[[^]]*\\]"), text))
  gsub("\"", "", regmatches(part, gregexpr("\"[^\"]+\"", part))[[1]][-1])
}
items <- strings("items"); scale <- items[1:5]
raw <- read.csv(ARGS[1]); d <- raw[, items]
for (r in strings("reverse")) d[[r]] <- 7 - d[[r]]
complete <- d[complete.cases(d) & !is.na(raw$gender), ]
q <- function(x) suppressWarnings(suppressMessages(x))
# one factor is fitted only to make lavaan compute Gamma, which depends on no model
gamma <- function(x, ...) {
  fit <- q(cfa(paste("f =~", paste(names(x), collapse = " + ")), x, ordered = names(x), estimator = "WLSMV", ...))
  G <- unclass(lavInspect(fit, "gamma"))
  s <- lavInspect(fit, "sampstat")
  list(n = lavInspect(fit, "nobs"), names = rownames(G), gamma = unname(G), thresholds = as.list(s$th),
       R = unname(unclass(s$cov)))
}
out <- list(versions = list(lavaan = as.character(packageVersion("lavaan")), psych = as.character(packageVersion("psych")),
                            R = R.version.string))
out$five <- gamma(complete[, scale])
all <- gamma(complete); out$all <- list(n = all$n, names = all$names, gamma_diagonal = diag(all$gamma))
out$pairwise <- gamma(d[, scale], missing = "pairwise")
# two answers
two <- data.frame(a = 1 * (complete$A2 > 4), b = 1 * (complete$A3 > 4), e = 1 * (complete$A5 > 3))
out$two <- gamma(two)
# two answers of 50 persons, one cell empty: lavaan adds .5 and keeps the margins
small <- data.frame(u = rep(c(0, 1), c(20, 30)), v = rep(c(0, 1), c(12, 38)), w = rep(0:1, 25))
out$empty <- list(data = as.matrix(unname(small)), R = unname(unclass(lavInspect(q(lavCor(small, ordered = names(small), output = "fit")), "sampstat")$cov)))
out$spearman <- list(listwise = unname(cor(complete, method = "spearman")),
                     pairwise = unname(cor(d, method = "spearman", use = "pairwise.complete.obs")))
bad <- matrix(c(1, .9, -.6, .2, .9, 1, .7, .4, -.6, .7, 1, .3, .2, .4, .3, 1), 4)
out$smooth <- list(matrix = bad, smoothed = unname(q(cor.smooth(bad, eig.tol = 1e-10))))
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
writeLines(plain(out), ARGS[3]); cat(ARGS[3], file.size(ARGS[3]), "\n")
