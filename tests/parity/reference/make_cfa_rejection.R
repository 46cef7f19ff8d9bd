# lavaan's p-values on the first data sets of some cells of tests/bench/cfa_rejection_rates.py. Run from the repository root:
#
#   python tests/bench/cfa_rejection_rates.py SCRATCH_FOLDER
#   Rscript tests/parity/reference/make_cfa_rejection.R SCRATCH_FOLDER
#
# The first line writes the data sets, which are not stored: a test draws them again and compares `checksum` first.

suppressMessages({library(lavaan); library(jsonlite)})
SCRATCH <- commandArgs(TRUE)[1]
cells <- read.csv(file.path(SCRATCH, "cells.csv"))
quiet <- function(e) suppressWarnings(e)
p_of <- function(fit, name) if (lavInspect(fit, "converged")) unname(as.numeric(fitMeasures(fit, name))) else NA
records <- lapply(seq_len(nrow(cells)), function(i) {
  cell <- cells[i, ]
  ordered <- cell$answers != "normal"
  runs <- lapply(seq_len(cell$count) - 1, function(k) {
    d <- read.csv(file.path(SCRATCH, paste0(cell$cell, "_", k, ".csv")))
    ml <- quiet(cfa(cell$model, d)); mlr <- quiet(cfa(cell$model, d, estimator = "MLR"))
    wlsmv <- if (ordered) p_of(quiet(cfa(cell$model, d, ordered = names(d), estimator = "WLSMV")), "pvalue.scaled") else NULL
    c(checksum = sum(as.matrix(d)), ML = p_of(ml, "pvalue"), MLR = p_of(mlr, "pvalue.scaled"), WLSMV = wlsmv)
  })
  message(cell$answers, " ", cell$n)
  columns <- lapply(setNames(nm = names(runs[[1]])), function(name) unname(sapply(runs, `[[`, name)))
  list(model = cell$model, answers = cell$answers, n = cell$n, checksum = columns$checksum, p_values = columns[names(columns) != "checksum"],
    rejected_at_05 = lapply(columns[names(columns) != "checksum"], function(p) mean(p < .05, na.rm = TRUE)))
})
out <- list(versions = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan"))), cells = records)
write_json(out, "tests/parity/reference/cfa_rejection.json", auto_unbox = TRUE, digits = 10)
