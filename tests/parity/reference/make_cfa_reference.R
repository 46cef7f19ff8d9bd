# Reference values of confirmatory factor models from lavaan and semTools, for everything that bfi.json does not hold.
# usage, from the repository root:
#   Rscript tests/parity/reference/make_cfa_reference.R data           stores the public example data sets as CSV
#   python tests/parity/reference/make_cfa_data.py SCRATCH             makes the simulated ones
#   Rscript tests/parity/reference/make_cfa_reference.R fit SCRATCH    fits the models, writes cfa.json
# Every model is fitted to the stored CSV (numbers rounded to six decimals at most), so R and Python see the same digits.
#
# Data sheet
#   cfa_hs.csv        301 pupils, nine ability tests, two schools: HolzingerSwineford1939 (lavaan), public since 1939. The column
#                     cluster numbers the combinations of school, year of age and a third of a year; it was made here.
#   cfa_pd.csv        75 countries, eleven indicators of industry and democracy: PoliticalDemocracy (lavaan; Bollen, 1989).
#   cfa_datcat.csv    200 simulated persons, eight five-point items, two groups: datCat (semTools), coded 1 to 5.
#   cfa_twolevel.csv  2,500 simulated persons in 200 clusters: y1-y6 of Demo.twolevel (lavaan), five decimals.
#   cfa_mixed.csv, cfa_waves.csv: see make_cfa_data.py.
# No real respondent of this project is in any of them.
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
ARGS <- commandArgs(TRUE); HERE <- "tests/parity/reference"
file_of <- function(name) file.path(HERE, paste0("cfa_", name, ".csv"))

if (ARGS[1] == "data") {
  keep <- function(x, name) write.csv(x, file_of(name), row.names = FALSE, quote = FALSE)
  h <- HolzingerSwineford1939
  h$cluster <- as.integer(factor(paste(h$school, h$ageyr, h$agemo %/% 4)))
  h$school <- as.character(h$school); h[paste0("x", 1:9)] <- round(h[paste0("x", 1:9)], 6)
  keep(h[, c("sex", "ageyr", "agemo", "school", "grade", "cluster", paste0("x", 1:9))], "hs")
  keep(round(PoliticalDemocracy, 6), "pd")
  k <- datCat; for (u in paste0("u", 1:8)) k[[u]] <- as.integer(k[[u]]); k$g <- as.character(k$g); keep(k, "datcat")
  keep(cbind(round(Demo.twolevel[, paste0("y", 1:6)], 5), cluster = Demo.twolevel$cluster), "twolevel")
  quit(status = 0)
}

SCRATCH <- ARGS[2]; started <- Sys.time()
hs <- read.csv(file_of("hs")); pd <- read.csv(file_of("pd")); datcat <- read.csv(file_of("datcat"))
two <- read.csv(file_of("twolevel")); mixed <- read.csv(file_of("mixed")); waves <- read.csv(file_of("waves"))

# --- how values are stored
quiet <- function(e) suppressWarnings(suppressMessages(e))
try_or <- function(e) tryCatch(e, error = function(x) list(error = conditionMessage(x)))
matrix_of <- function(x) { x <- unclass(as.matrix(x)); list(rows = rownames(x), cols = colnames(x), values = unname(x)) }
# a square symmetric matrix as its lower triangle, row by row (numpy.tril_indices), with the diagonal
lower_of <- function(x) { x <- unclass(as.matrix(x)); t_ <- t(x); list(names = rownames(x), lower = t_[upper.tri(t_, diag = TRUE)]) }
columns_of <- function(d, which = names(d)) lapply(unclass(as.data.frame(d))[intersect(which, names(d))], function(z) unname(c(unclass(z))))
numbers_of <- function(x) as.list(setNames(as.numeric(x), names(x)))
parameters_of <- function(f, standardized = TRUE) {
  p <- as.data.frame(quiet(parameterEstimates(f, zstat = FALSE, pvalue = FALSE, ci = FALSE, remove.system.eq = TRUE, remove.eq = TRUE)))
  out <- columns_of(p, c("lhs", "op", "rhs", "group", "level", "label", "est", "se"))
  if (standardized) {
    s <- as.data.frame(quiet(standardizedSolution(f)))
    stopifnot(nrow(s) == nrow(p), all(s$lhs == p$lhs), all(s$op == p$op), all(s$rhs == p$rhs))
    out$std <- as.numeric(s$est.std); out$std_se <- as.numeric(s$se)
  }
  out
}
measures_of <- function(f) try_or(numbers_of(quiet(fitMeasures(f))))
# the largest element of the gradient in the space that the equality constraints leave
gradient_of <- function(f) { g <- lavInspect(f, "gradient"); if (f@Model@eq.constraints) g <- t(f@Model@eq.constraints.K) %*% g; max(abs(g)) }
OPTIONS <- c("estimator", "se", "test", "information", "h1.information", "observed.information", "missing", "meanstructure", "parameterization")
record <- function(f, standardized = TRUE) {
  o <- lavInspect(f, "options")
  test <- lavInspect(f, "test"); test <- test[[length(test)]]
  list(converged = lavInspect(f, "converged"), admissible = quiet(isTRUE(lavInspect(f, "post.check"))), n = sum(unlist(lavInspect(f, "nobs"))),
       fit = measures_of(f), parameters = parameters_of(f, standardized && lavInspect(f, "converged")),
       test = numbers_of(Filter(function(z) length(z) == 1 && is.numeric(z), test)),
       options = o[intersect(OPTIONS, names(o))], max_gradient = gradient_of(f))
}
small <- function(f) { r <- record(f, FALSE); r[c("converged", "fit", "parameters")] }
fits_only <- function(f) list(converged = lavInspect(f, "converged"), fit = measures_of(f))
residuals_of <- function(f) {
  one <- function(r) Filter(Negate(is.null), list(cov = lower_of(r$cov), mean = if (is.null(r$mean)) NULL else as.list(unclass(r$mean)),
                                                 z = if (is.null(r$cov.z)) NULL else lower_of(r$cov.z)))
  both <- function(type) try_or({ r <- quiet(lavResiduals(f, type = type, summary = FALSE)); if (lavInspect(f, "ngroups") > 1) lapply(r, one) else one(r) })
  list(cor.bollen = both("cor.bollen"), raw = both("raw"))
}
indices_of <- function(f, sorted = FALSE) try_or(columns_of(quiet(modificationIndices(f)), c("lhs", "op", "rhs", "group", "level", "mi", "epc", "sepc.all")))
scores_of <- function(f, ...) try_or({ s <- quiet(lavPredict(f, ...)); if (is.list(s)) lapply(s, function(z) matrix_of(head(z, 20))) else matrix_of(head(s, 20)) })
reliability_of <- function(f, ...) {
  plain <- function(z) if (is.data.frame(z)) columns_of(z) else if (is.list(z)) lapply(z, function(y) numbers_of(unclass(y))) else numbers_of(unclass(z))
  list(omega = try_or(plain(quiet(compRelSEM(f, ...)))), omega_implied = try_or(plain(quiet(compRelSEM(f, obs.var = FALSE, ...)))),
       alpha = try_or(plain(quiet(compRelSEM(f, tau.eq = TRUE)))), omega_total = try_or(plain(quiet(compRelSEM(f, return.total = TRUE, ...)))),
       ave = try_or(plain(quiet(AVE(f)))), ave_implied = try_or(plain(quiet(AVE(f, obs.var = FALSE)))))
}
# nested models: f0 has fewer constraints than f1
nested <- function(f0, f1, ...) try_or({
  z <- quiet(lavTestLRT(f0, f1, ...))
  list(chisq_diff = z[2, "Chisq diff"], df_diff = z[2, "Df diff"], p = z[2, "Pr(>Chisq)"], heading = trimws(gsub("[[:space:]]+", " ", paste(attr(z, "heading"), collapse = " "))))
})
satorra <- function(f0, f1, A = "delta") c(nested(f0, f1, method = "satorra.2000", A.method = A, scaled.shifted = TRUE),
  try_or(numbers_of(quiet(lavaan:::lav_test_diff_Satorra2000(m1 = f0, m0 = f1, A.method = A, scaled.shifted = TRUE))[c("trace.UGamma", "trace.UGamma2", "a", "b")])))
nested_kinds <- function(f0, f1) list(default = nested(f0, f1), satorra.bentler.2001 = nested(f0, f1, method = "satorra.bentler.2001"),
  satorra.2000.delta.shifted = satorra(f0, f1), satorra.2000.delta.scaled = nested(f0, f1, method = "satorra.2000", A.method = "delta", scaled.shifted = FALSE),
  satorra.2000.exact.shifted = satorra(f0, f1, "exact"))
chain <- function(fits, how) setNames(lapply(seq_along(fits)[-1], function(i) how(fits[[i - 1]], fits[[i]])), names(fits)[-1])
# cells made missing: row i and column j counted from 1
holes <- function(x, below) {
  i <- row(x); j <- col(x); x[(i * 9301 + j * 49297 + i * j * 233) %% 1009 < below] <- NA; x
}
out <- list(versions = list(lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools")), R = R.version.string))
out$conventions <- list(
  tables = "parameters: one list per column; rows as in lavaan's parameterEstimates; std and std_se are standardizedSolution (std.all). A fixed parameter has se 0. group is the position in group_order, which is the order of first appearance.",
  lower = "a symmetric matrix is stored as its lower triangle, row by row, with the diagonal",
  holes = "cell (row i, column j, both from 1, over the columns named) is missing if (9301 i + 49297 j + 233 i j) mod 1009 is below the number named",
  optimiser = "lavaan's own: nlminb, rel.tol 1e-10; max_gradient says how far each went. FIML: em.h1.tol = 1e-10 (lavaan's default is 1e-5).",
  uniroot = "confidence limits of RMSEA come from uniroot at its default tolerance (1.2e-4 in the noncentrality)",
  scores = "the first 20 rows of the data, or of each group; ordinal scores end at BFGS reltol 1e-8 with a numeric gradient")
say <- function(x) cat(format(Sys.time(), "%H:%M:%S"), x, "\n")
out_file <- function() write_json(out, file.path(HERE, "cfa.json"), auto_unbox = TRUE, digits = I(12), null = "null", na = "null")
fiml <- function(model, data, ...) quiet(cfa(model, data, missing = "fiml", em.h1.tol = 1e-10, ...))

# --- 1. one group, continuous
say("hs")
HS <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
fit <- function(model, ..., data = hs) quiet(cfa(model, data, ...))
models <- list(
  basic = HS,
  higher_order = paste0(HS, "\nability =~ visual + textual + speed"),
  bifactor = "general =~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9\ngeneral ~~ 0*textual + 0*speed\ntextual ~~ 0*speed",
  bifactor_heywood = paste0("general =~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9\n", HS, "\ngeneral ~~ 0*visual + 0*textual + 0*speed\nvisual ~~ 0*textual + 0*speed\ntextual ~~ 0*speed"),
  equality = "visual =~ x1 + a*x2 + a*x3\ntextual =~ x4 + b*x5 + b*x6\nspeed =~ x7 + c*x8 + d*x9\nx7 ~~ e*x7\nx8 ~~ e*x8\nc == d",
  fixed = "visual =~ 1*x1 + 0.6*x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9\nvisual ~~ 0.4*textual\nx9 ~~ 0.6*x9\nvisual ~~ 0.8*visual",
  residual = paste0(HS, "\nx7 ~~ x8\nx2 ~~ x7"),
  crossloading = "visual =~ x1 + x2 + x3 + x9\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9",
  two_indicators = "visual =~ NA*x1 + x2 + x3\ntextual =~ NA*x4 + x5 + x6\nspeed =~ NA*x7 + x8 + x9\nvisual ~~ 1*visual\ntextual ~~ 1*textual\nspeed ~~ 1*speed")
names(models)[9] <- "free_marker"
ml <- fit(HS); mlr <- fit(HS, estimator = "MLR")
out$hs <- list(data = "cfa_hs.csv", models = models)
out$hs$ml <- c(record(ml), list(residuals = residuals_of(ml), modification_indices = indices_of(ml), reliability = reliability_of(ml),
  scores = list(regression = scores_of(ml), bartlett = scores_of(ml, method = "Bartlett")),
  residual_summary = try_or(lapply(c(cor.bentler = "cor.bentler", cor.bollen = "cor.bollen"), function(t) { z <- quiet(lavResiduals(ml, type = t)$summary); c(list(row = rownames(z)), columns_of(z)) }))))
out$hs$ml_std_lv <- record(fit(HS, std.lv = TRUE)); out$hs$ml_meanstructure <- record(fit(HS, meanstructure = TRUE))
out$hs$mlr <- c(record(mlr), list(modification_indices = indices_of(mlr)))
out$hs$mlr_meanstructure <- record(fit(HS, estimator = "MLR", meanstructure = TRUE))
out$hs$ml_orthogonal <- record(fit(HS, orthogonal = TRUE))
for (m in names(models)[-1]) {
  std <- m %in% c("bifactor", "bifactor_heywood"); f <- fit(models[[m]], std.lv = std)
  out$hs[[m]] <- c(record(f), list(std_lv = std, modification_indices = if (m == "bifactor_heywood") NULL else indices_of(f)))
}
out$hs$higher_order$reliability <- reliability_of(fit(models$higher_order), higher = "ability")
out$hs$bifactor$reliability <- reliability_of(fit(models$bifactor, std.lv = TRUE))
out$hs$bifactor_mlr <- record(fit(models$bifactor, std.lv = TRUE, estimator = "MLR")); out$hs$higher_order_mlr <- record(fit(models$higher_order, estimator = "MLR"))
out$hs$equality_mlr <- record(fit(models$equality, estimator = "MLR"))
# the test of each equality constraint (the bordered, score and total tests)
out$hs$equality$score_test <- try_or(columns_of(quiet(lavTestScore(fit(models$equality)))$uni, c("lhs", "rhs", "X2", "df", "p.value")))
h_ <- list()
for (a in c(TRUE, FALSE)) for (b in c(TRUE, FALSE)) h_[[paste0("absolute_", tolower(a), "_htmt2_", tolower(b))]] <- try_or(lower_of(quiet(htmt(HS, data = hs, absolute = a, htmt2 = b))))
out$hs$htmt <- h_
hm <- hs; hm[paste0("x", 1:9)] <- holes(as.matrix(hs[paste0("x", 1:9)]), 90)
fi <- fiml(HS, hm); fir <- fiml(HS, hm, estimator = "MLR")
out$hs$fiml <- c(record(fi), list(holes = 90, columns = paste0("x", 1:9), n_missing = sum(is.na(hm[paste0("x", 1:9)])), residuals = residuals_of(fi), modification_indices = indices_of(fi),
  h1 = list(mean = as.list(unclass(lavInspect(fi, "sampstat")$mean)), cov = lower_of(lavInspect(fi, "sampstat")$cov)),
  scores = list(regression = scores_of(fi), bartlett = scores_of(fi, method = "Bartlett")), fit_at_default_em_tolerance = numbers_of(quiet(fitMeasures(fit(HS, data = hm, missing = "fiml"))))))
out$hs$fiml_mlr <- c(record(fir), list(holes = 90)); out$hs$fiml_std_lv <- record(fiml(HS, hm, std.lv = TRUE))
out$hs$fiml_equality <- record(fiml(models$equality, hm, estimator = "MLR"))
out$hs$listwise <- c(fits_only(fit(HS, data = hm)), list(holes = 90, n = lavInspect(fit(HS, data = hm), "nobs")))
out$hs$cluster_mlr <- c(record(fit(HS, estimator = "MLR", cluster = "cluster")), list(cluster = "cluster"))
out$hs$cluster_ml <- c(record(fit(HS, cluster = "cluster")), list(cluster = "cluster"))
out$hs$cluster_fiml_mlr <- try_or(c(record(fiml(HS, hm, estimator = "MLR", cluster = "cluster")), list(cluster = "cluster", holes = 90)))
out$hs$cluster_residual_mlr <- record(fit(models$residual, estimator = "MLR", cluster = "cluster"))
# nested models in one group
out$hs$nested <- list(models = c("residual", "basic"), ml = nested(fit(models$residual), ml), mlr = nested_kinds(fit(models$residual, estimator = "MLR"), mlr),
  ml_equality = nested(ml, fit(models$equality)), mlr_equality = nested_kinds(mlr, fit(models$equality, estimator = "MLR")),
  cluster_mlr = nested_kinds(fit(models$residual, estimator = "MLR", cluster = "cluster"), fit(HS, estimator = "MLR", cluster = "cluster")),
  fiml_ml_equality = nested(fi, fiml(models$equality, hm)), fiml_mlr_equality = nested(fir, fiml(models$equality, hm, estimator = "MLR")))
out_file()

# --- 2. two groups
say("hs_group")
LEVELS <- list(configural = NULL, metric = "loadings", scalar = c("loadings", "intercepts"), strict = c("loadings", "intercepts", "residuals"))
ladder <- function(how) lapply(LEVELS, function(e) if (is.null(e)) how() else how(group.equal = e))
by <- function(...) quiet(cfa(HS, hs, group = "school", ...))
G <- list(ml = ladder(function(...) by(...)), mlr = ladder(function(...) by(estimator = "MLR", ...)),
          ml_std_lv = ladder(function(...) by(std.lv = TRUE, ...)),
          fiml = ladder(function(...) fiml(HS, hm, group = "school", ...)), fiml_mlr = ladder(function(...) fiml(HS, hm, group = "school", estimator = "MLR", ...)),
          cluster_mlr = ladder(function(...) by(estimator = "MLR", cluster = "cluster", ...)))
out$hs_group <- list(data = "cfa_hs.csv", group = "school", group_order = unique(hs$school), model = HS,
  group_equal = list(configural = "none", metric = "loadings", scalar = "loadings, intercepts", strict = "loadings, intercepts, residuals"))
for (e in names(G)) out$hs_group[[e]] <- lapply(G[[e]], if (e %in% c("ml", "mlr", "fiml_mlr")) record else small)
out$hs_group$nested <- list(ml = chain(G$ml, nested), mlr = chain(G$mlr, nested_kinds), fiml = chain(G$fiml, nested), fiml_mlr = chain(G$fiml_mlr, function(a, b) nested(a, b)), cluster_mlr = chain(G$cluster_mlr, nested_kinds),
  mlr_configural_scalar = nested_kinds(G$mlr$configural, G$mlr$scalar))
part <- c("x3~1", "x7~1"); ps <- by(group.equal = LEVELS$scalar, group.partial = part); psr <- by(group.equal = LEVELS$scalar, group.partial = part, estimator = "MLR")
out$hs_group$partial_scalar <- list(freed = part, ml = record(ps), mlr = record(psr), nested_ml = nested(G$ml$metric, ps), nested_mlr = nested_kinds(G$mlr$metric, psr))
out$hs_group$metric_modification_indices <- indices_of(G$ml$metric); out$hs_group$scalar_modification_indices <- indices_of(G$ml$scalar)
# score test of releasing each equality; lhs and rhs are resolved to the parameter they name
score_of <- function(f) try_or({
  z <- quiet(lavTestScore(f)); p <- parTable(f); at <- match(z$uni$lhs, p$plabel)
  c(columns_of(z$uni, c("X2", "df", "p.value")), list(lhs = p$lhs[at], op = p$op[at], rhs = p$rhs[at]), list(total = numbers_of(unlist(z$test[, c("X2", "df", "p.value")]))))
})
out$hs_group$score_tests <- list(metric = score_of(G$ml$metric), scalar = score_of(G$ml$scalar), scalar_mlr = score_of(G$mlr$scalar))
out$hs_group$residuals <- residuals_of(G$ml$scalar)
out$hs_group$reliability <- list(configural = reliability_of(G$ml$configural), scalar = reliability_of(G$ml$scalar))
out$hs_group$scores <- list(scalar_regression = scores_of(G$ml$scalar), scalar_bartlett = scores_of(G$ml$scalar, method = "Bartlett"))
mean_step <- by(group.equal = c("loadings", "intercepts", "means")); out$hs_group$latent_means_equal <- c(small(mean_step), list(nested = nested(G$ml$scalar, mean_step)))
out_file()

# --- 3. residual covariances
say("pd")
PD <- "ind60 =~ x1 + x2 + x3\ndem60 =~ y1 + y2 + y3 + y4\ndem65 =~ y5 + y6 + y7 + y8\ny1 ~~ y5\ny2 ~~ y4 + y6\ny3 ~~ y7\ny4 ~~ y8\ny6 ~~ y8"
PDE <- "ind60 =~ x1 + x2 + x3\ndem60 =~ y1 + a*y2 + b*y3 + c*y4\ndem65 =~ y5 + a*y6 + b*y7 + c*y8\ny1 ~~ y5\ny2 ~~ y4 + y6\ny3 ~~ y7\ny4 ~~ y8\ny6 ~~ y8"
p1 <- fit(PD, data = pd); p2 <- fit(PDE, data = pd)
out$pd <- list(data = "cfa_pd.csv", models = list(basic = PD, equality = PDE), ml = c(record(p1), list(residuals = residuals_of(p1), modification_indices = indices_of(p1), reliability = reliability_of(p1),
  scores = list(regression = scores_of(p1), bartlett = scores_of(p1, method = "Bartlett")))), mlr = record(fit(PD, data = pd, estimator = "MLR")), equality = record(p2), equality_mlr = record(fit(PDE, data = pd, estimator = "MLR")),
  nested = list(ml = nested(p1, p2), mlr = nested_kinds(fit(PD, data = pd, estimator = "MLR"), fit(PDE, data = pd, estimator = "MLR"))))
out_file()

# --- 4. ordinal and mixed
say("ordinal")
U <- "f =~ u1 + u2 + u3 + u4"; ITEMS <- paste0("u", 1:4)
U2 <- "f1 =~ u1 + u2 + u3 + u4\nf2 =~ u5 + u6 + u7 + u8"; ALL <- paste0("u", 1:8)
oc <- function(model, data = datcat, items = ITEMS, estimator = "WLSMV", ...) quiet(cfa(model, data, ordered = items, estimator = estimator, ...))
statistics_of <- function(f) { s <- lavInspect(f, "sampstat"); list(correlations = lower_of(s$cov), thresholds = as.list(unclass(s$th)), mean = if (is.null(s$mean)) NULL else as.list(unclass(s$mean)),
  gamma = lower_of(lavInspect(f, "gamma")), wls_obs = as.list(unclass(lavInspect(f, "wls.obs"))), weights = unname(diag(as.matrix(lavInspect(f, "wls.v"))))) }
w <- oc(U)
out$ordinal <- list(data = "cfa_datcat.csv", models = list(one = U, two = U2), items = ITEMS, group = "g", group_order = unique(datcat$g))
out$ordinal$statistics <- statistics_of(w)
out$ordinal$wlsmv_delta <- c(record(w), list(residuals = residuals_of(w), modification_indices = indices_of(w), reliability = reliability_of(w),
  reliability_latent = reliability_of(w, ord.scale = FALSE), scores = list(ebm = scores_of(w), ml = scores_of(w, method = "ML")), catml = try_or(numbers_of(quiet(lavaan:::lav_fit_catml_dwls(w))))))
wt <- oc(U, parameterization = "theta")
out$ordinal$wlsmv_theta <- c(record(wt), list(reliability = reliability_of(wt), scores = list(ebm = scores_of(wt)), modification_indices = indices_of(wt)))
out$ordinal$ulsmv_delta <- record(oc(U, estimator = "ULSMV")); out$ordinal$ulsmv_theta <- record(oc(U, estimator = "ULSMV", parameterization = "theta"))
out$ordinal$dwls_delta <- record(oc(U, estimator = "DWLS")); out$ordinal$uls_delta <- record(oc(U, estimator = "ULS")); out$ordinal$wlsm_delta <- record(oc(U, estimator = "WLSM"))
out$ordinal$wlsmv_std_lv <- record(oc(U, std.lv = TRUE))
w2 <- oc(U2, items = ALL); out$ordinal$two_factor_wlsmv <- c(record(w2), list(residuals = residuals_of(w2), modification_indices = indices_of(w2), reliability = reliability_of(w2),
  reliability_latent = reliability_of(w2, ord.scale = FALSE), catml = try_or(numbers_of(quiet(lavaan:::lav_fit_catml_dwls(w2)))), htmt = try_or(lower_of(quiet(htmt(U2, data = datcat, ordered = ALL))))))
out$ordinal$two_factor_ulsmv <- record(oc(U2, items = ALL, estimator = "ULSMV"))
constrained <- list(
  equal_loadings = "f =~ 1*u1 + a*u2 + a*u3 + a*u4", tau_equivalent = "f =~ u1 + 1*u2 + 1*u3 + 1*u4",
  equal_thresholds = "f =~ u1 + u2 + u3 + u4\nu1 | a1*t1 + a2*t2\nu2 | a1*t1 + a2*t2",
  residual = "f =~ u1 + u2 + u3 + u4\nu1 ~~ u2", fixed_threshold = "f =~ u1 + u2 + u3 + u4\nu1 | -1*t1")
out$ordinal$constrained <- list(models = constrained)
for (m in names(constrained)) for (p in c("delta", "theta")) out$ordinal$constrained[[paste0(m, "_", p)]] <- try_or({
  f <- oc(constrained[[m]], parameterization = p); c(record(f), list(catml = try_or(numbers_of(quiet(lavaan:::lav_fit_catml_dwls(f))))))})
out$ordinal$nested <- list(
  equal_loadings_wlsmv = nested_kinds(w, oc(constrained$equal_loadings)), tau_equivalent_wlsmv = nested_kinds(w, oc(constrained$tau_equivalent)),
  equal_thresholds_wlsmv = nested_kinds(w, oc(constrained$equal_thresholds)), residual_wlsmv = nested_kinds(oc(constrained$residual), w),
  equal_loadings_ulsmv = nested_kinds(oc(U, estimator = "ULSMV"), oc(constrained$equal_loadings, estimator = "ULSMV")),
  equal_loadings_wlsm = nested_kinds(oc(U, estimator = "WLSM"), oc(constrained$equal_loadings, estimator = "WLSM")))
# two answers: 1 if the answer is 3 or more
binary <- datcat; binary[ALL] <- lapply(binary[ALL], function(z) as.integer(z >= 3))
bw <- oc(U, data = binary); out$ordinal$binary <- list(rule = "1 if u >= 3, else 0", statistics = statistics_of(bw), wlsmv_delta = c(record(bw), list(reliability = reliability_of(bw), scores = list(ebm = scores_of(bw)))),
  wlsmv_theta = record(oc(U, data = binary, parameterization = "theta")), two_factor_wlsmv = record(oc(U2, data = binary, items = ALL)), two_factor_modification_indices = indices_of(oc(U2, data = binary, items = ALL)))
# pairwise
gaps <- datcat; gaps[ALL] <- holes(as.matrix(datcat[ALL]), 90)
pw <- oc(U2, data = gaps, items = ALL, missing = "pairwise"); p1w <- oc(U, data = gaps, missing = "pairwise")
out$ordinal$pairwise <- list(holes = 90, columns = ALL, n_missing = sum(is.na(gaps[ALL])), statistics = statistics_of(p1w), wlsmv = record(p1w), two_factor_wlsmv = record(pw),
  listwise_two_factor_wlsmv = fits_only(oc(U2, data = gaps, items = ALL)), listwise_n = sum(complete.cases(gaps[ALL])))
# invariance
say("ordinal invariance")
WU <- list(configural = "configural", thresholds = "thresholds", loadings = c("thresholds", "loadings"), intercepts = c("thresholds", "loadings", "intercepts"), residuals = c("thresholds", "loadings", "intercepts", "residuals"))
wu <- function(model, data, items, estimator = "WLSMV", parameterization = "theta", group.partial = "") lapply(WU, function(e) try_or({
  s <- as.character(quiet(measEq.syntax(model, data = data, ordered = items, parameterization = parameterization, ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", group = "g", group.equal = e, group.partial = group.partial)))
  list(syntax = s, fit = quiet(cfa(s, data, group = "g", ordered = items, parameterization = parameterization, estimator = estimator))) }))
store_wu <- function(w, keep = record) lapply(w, function(z) if (is.null(z$error)) c(list(syntax = gsub("[ \t]+", " ", gsub("\n+", "\n", gsub("##[^\n]*", "", z$syntax)))), keep(z$fit), list(catml = try_or(numbers_of(quiet(lavaan:::lav_fit_catml_dwls(z$fit)))))) else z)
nest_wu <- function(w, A = "delta") { w <- Filter(function(z) is.null(z$error) && lavInspect(z$fit, "converged"), w); chain(lapply(w, `[[`, "fit"), function(a, b) satorra(a, b, A)) }
W <- wu(U, datcat, ITEMS); V <- wu(U, datcat, ITEMS, "ULSMV"); W8 <- wu(U2, datcat, ALL)
out$ordinal$invariance <- list(theta_wlsmv = store_wu(W), theta_ulsmv = store_wu(V, fits_only), two_factor_theta_wlsmv = store_wu(W8, fits_only),
  nested = list(wlsmv_delta = nest_wu(W), wlsmv_exact = nest_wu(W, "exact"), ulsmv_delta = nest_wu(V), two_factor_delta = nest_wu(W8),
    wlsmv_configural_intercepts = satorra(W$configural$fit, W$intercepts$fit)))
out$ordinal$invariance$delta_wlsmv <- store_wu(wu(U, datcat, ITEMS, parameterization = "delta"), fits_only)
out$ordinal$invariance$intercepts_modification_indices <- indices_of(W$intercepts$fit)
out$ordinal$invariance$partial <- try_or({ z <- wu(U, datcat, ITEMS, group.partial = c("u2 ~ 1")); list(freed = "u2 ~ 1", levels = store_wu(z["intercepts"]), nested = satorra(z$loadings$fit, z$intercepts$fit)) })
plain <- oc(U, group = "g"); out$ordinal$by_group <- list(configural = record(plain), loadings = record(oc(U, group = "g", group.equal = "loadings")), thresholds_loadings = record(oc(U, group = "g", group.equal = c("thresholds", "loadings"))),
  nested = list(loadings = satorra(plain, oc(U, group = "g", group.equal = "loadings"))))
# with two answers the thresholds level is the configural one
WB <- wu(U, binary, ITEMS); out$ordinal$binary$invariance <- list(levels = store_wu(WB), nested = nest_wu(WB[-2]))
WC <- wu(U2, binary, ALL); out$ordinal$binary$invariance_two_factor <- list(levels = store_wu(WC, fits_only), nested = nest_wu(WC[-2]))
# ordered and continuous
say("mixed")
MX <- "f =~ u1 + u2 + u3 + u4 + c1 + c2 + c3"; MX2 <- "f1 =~ u1 + u2 + u3 + u4\nf2 =~ c1 + c2 + c3"
mx <- oc(MX, data = mixed); mx2 <- oc(MX2, data = mixed)
out$mixed <- list(data = "cfa_mixed.csv", ordered = ITEMS, models = list(one = MX, two = MX2), statistics = statistics_of(mx),
  wlsmv_one = record(mx), wlsmv_two = c(record(mx2), list(residuals = residuals_of(mx2), modification_indices = indices_of(mx2), reliability = reliability_of(mx2), scores = list(ebm = scores_of(mx2)))),
  dwls_two = record(oc(MX2, data = mixed, estimator = "DWLS")), ulsmv_two = record(oc(MX2, data = mixed, estimator = "ULSMV")), theta_two = record(oc(MX2, data = mixed, parameterization = "theta")),
  by_group = record(oc(MX2, data = mixed, group = "g")), nested = list(wlsmv = satorra(mx2, mx)))
out_file()

# --- 5. two levels
say("twolevel")
L1 <- "level: 1\n  fw =~ y1 + y2 + y3\nlevel: 2\n  fb =~ y1 + y2 + y3"
L2 <- "level: 1\n  fw1 =~ y1 + y2 + y3\n  fw2 =~ y4 + y5 + y6\nlevel: 2\n  fb1 =~ y1 + y2 + y3\n  fb2 =~ y4 + y5 + y6"
L3 <- "level: 1\n  fw =~ y1 + a*y2 + b*y3\nlevel: 2\n  fb =~ y1 + a*y2 + b*y3"
L4 <- "level: 1\n  fw =~ y1 + y2 + y3 + y4 + y5 + y6\nlevel: 2\n  fb =~ y1 + y2 + y3 + y4 + y5 + y6"
L5 <- "level: 1\n  f =~ y1 + a*y2 + b*y3\nlevel: 2\n  f =~ y1 + a*y2 + b*y3"
level <- function(m, ...) quiet(cfa(m, two, cluster = "cluster", ...))
two_record <- function(f) c(record(f), list(icc = try_or(numbers_of(unclass(lavInspect(f, "icc")))), h1_logl = f@h1$loglik,
  h1 = setNames(lapply(seq_along(f@h1$implied$cov), function(b) list(cov = lower_of(f@h1$implied$cov[[b]]), mean = as.numeric(f@h1$implied$mean[[b]]))), c("within", "between")),
  h1_tight = try_or({ z <- lavaan:::lav_mvnorm_cluster_em_sat(YLp = f@SampleStats@YLp[[1]], Lp = f@Data@Lp[[1]], verbose = FALSE, tol = 1e-11, min.variance = 1e-5, max.iter = 20000L)
    list(logl = z$logl, chisq = -2 * (as.numeric(logLik(f)) - z$logl), within = lower_of(z$Sigma.W), between = lower_of(z$Sigma.B), mean = as.numeric(z$Mu.B)) }),
  reliability = try_or(reliability_of(f)), baseline = try_or(numbers_of(quiet(fitMeasures(f, c("baseline.chisq", "baseline.df")))))))
t1 <- level(L1); t3 <- level(L3)
out$twolevel <- list(data = "cfa_twolevel.csv", cluster = "cluster", models = list(one = L1, two = L2, equal = L3, one_six = L4, shared = L5),
  one = two_record(t1), two = two_record(level(L2)), equal = two_record(t3), one_six = two_record(level(L4)), one_mlr = try_or(two_record(level(L1, estimator = "MLR"))), two_mlr = try_or(two_record(level(L2, estimator = "MLR"))),
  nested = list(equal = nested(t1, t3), two_factors = nested(level(L2), level(L4))), modification_indices_two = indices_of(level(L2)), scores = list(within = scores_of(t1, level = 1), between = scores_of(t1, level = 2)))
out$twolevel$reliability_config <- try_or(lapply(quiet(compRelSEM(level(L5), config = "f")), function(z) if (is.list(z)) lapply(z, as.numeric) else as.numeric(z)))
out$twolevel$reliability_shared <- try_or(lapply(quiet(compRelSEM(level(L5), config = "f", shared = "f")), function(z) if (is.list(z)) lapply(z, as.numeric) else as.numeric(z)))
out_file()

# --- 6. two waves
say("waves")
wave_model <- function(metric = FALSE, scalar = FALSE, strict = FALSE) {
  lab <- function(on, letter, j, k) if (on) paste0(letter, j, "*") else ""
  paste(c(paste0("f", 1:2, " =~ ", sapply(1:2, function(k) paste0(if (metric) "" else "NA*", sapply(1:4, function(j) paste0(if (metric) paste0("l", j, "*") else if (j == 1) "" else "", "y", j, "_", k)), collapse = " + "))),
    "f1 ~~ 1*f1", if (metric) "f2 ~~ NA*f2" else "f2 ~~ 1*f2", "f1 ~~ f2", "f1 ~ 0*1", if (scalar) "f2 ~ NA*1" else "f2 ~ 0*1",
    unlist(lapply(1:4, function(j) c(paste0("y", j, "_1 ~~ y", j, "_2"), sapply(1:2, function(k) paste0("y", j, "_", k, " ~ ", lab(scalar, "i", j), "1")), if (strict) sapply(1:2, function(k) paste0("y", j, "_", k, " ~~ r", j, "*y", j, "_", k)))))), collapse = "\n")
}
WM <- list(configural = wave_model(), metric = wave_model(TRUE), scalar = wave_model(TRUE, TRUE), strict = wave_model(TRUE, TRUE, TRUE))
# with the metric constraint the first loading must be free too: NA* on it beside its label
WM <- lapply(WM, function(m) gsub("=~ l1\\*y1", "=~ NA*y1_@ + l1*y1", m)); WM <- lapply(WM, function(m) gsub("NA\\*y1_@ \\+ l1\\*y1_([12])", "NA*y1_\\1 + l1*y1_\\1", m))
wave <- function(how) lapply(WM, how)
A <- wave(function(m) quiet(cfa(m, waves))); B <- wave(function(m) quiet(cfa(m, waves, estimator = "MLR")))
wm <- waves; wm[1:8] <- holes(as.matrix(waves[1:8]), 90); C <- wave(function(m) fiml(m, wm, estimator = "MLR"))
out$waves <- list(data = "cfa_waves.csv", models = WM, ml = lapply(A, record), mlr = lapply(B, record), fiml_mlr = c(lapply(C, small), list(holes = 90, columns = names(waves)[1:8])),
  nested = list(ml = chain(A, nested), mlr = chain(B, nested_kinds), fiml_mlr = chain(C, nested)))
OM <- "f1 =~ o1_1 + o2_1 + o3_1 + o4_1\nf2 =~ o1_2 + o2_2 + o3_2 + o4_2"; OI <- paste0("o", rep(1:4, 2), "_", rep(1:2, each = 4))
pairs <- setNames(lapply(1:4, function(j) paste0("o", j, "_", 1:2)), paste0("o", 1:4))
O <- lapply(WU, function(e) try_or({
  s <- as.character(quiet(measEq.syntax(OM, data = waves, ordered = OI, parameterization = "theta", ID.fac = "std.lv", ID.cat = "Wu.Estabrook.2016", longFacNames = list(f = c("f1", "f2")), longIndNames = pairs, long.equal = if (e[1] == "configural") "" else e, auto = 1)))
  list(syntax = s, fit = quiet(cfa(s, waves, ordered = OI, parameterization = "theta", estimator = "WLSMV"))) }))
out$waves$ordinal <- list(theta_wlsmv = store_wu(O), nested = nest_wu(O), nested_exact = nest_wu(O, "exact"))
# the same by lavaan's syntax from semTools for continuous items, as a check of the models above
out$waves$semtools_ml <- lapply(list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"), strict = c("loadings", "intercepts", "residuals")), function(e) try_or({
  s <- as.character(quiet(measEq.syntax(gsub("o([1-4])", "y\\1", OM), data = waves, ID.fac = "std.lv", longFacNames = list(f = c("f1", "f2")), longIndNames = lapply(setNames(pairs, paste0("y", 1:4)), function(z) gsub("o", "y", z)), long.equal = e, auto = 1, meanstructure = TRUE)))
  f <- quiet(cfa(s, waves)); numbers_of(fitMeasures(f, c("chisq", "df"))) }))
out_file()

# --- 7. the Type-I data sets
say("type_one")
T1 <- "f1 =~ x1 + x2 + x3 + x4 + x5\nf2 =~ x6 + x7 + x8 + x9 + x10"; sums <- scan(file.path(SCRATCH, "checksums.csv"), quiet = TRUE)
runs <- lapply(0:39, function(k) {
  x <- read.csv(file.path(SCRATCH, paste0("normal_", k, ".csv"))); o <- read.csv(file.path(SCRATCH, paste0("ordinal_", k, ".csv")))
  a <- quiet(cfa(T1, x)); b <- quiet(cfa(T1, x, estimator = "MLR")); w <- quiet(cfa(T1, o, ordered = names(o), estimator = "WLSMV"))
  m <- function(f, n) unname(as.numeric(fitMeasures(f, n)))
  c(ml_chisq = m(a, "chisq"), ml_p = m(a, "pvalue"), ml_cfi = m(a, "cfi"), mlr_chisq = m(b, "chisq.scaled"), mlr_p = m(b, "pvalue.scaled"), mlr_scaling = m(b, "chisq.scaling.factor"), mlr_cfi_robust = m(b, "cfi.robust"),
    wlsmv_chisq = m(w, "chisq"), wlsmv_chisq_scaled = m(w, "chisq.scaled"), wlsmv_p = m(w, "pvalue.scaled"), wlsmv_cfi_robust = m(w, "cfi.robust"))
})
out$type_one <- list(model = T1, generator = "make_cfa_data.py: type_one(k), cut(type_one(k)), k = 0..39", df = 34, checksum = sums,
  runs = lapply(setNames(nm = names(runs[[1]])), function(n) unname(sapply(runs, `[[`, n))))
out$type_one$rejected_at_05 <- as.list(sapply(c(ml = "ml_p", mlr = "mlr_p", wlsmv = "wlsmv_p"), function(n) mean(out$type_one$runs[[n]] < .05)))
out_file(); say(paste("cfa.json", file.size(file.path(HERE, "cfa.json")), "bytes"))
