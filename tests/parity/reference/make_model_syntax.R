# What lavaan reads in models: left side, operator, right side, fixed values, starts and labels of each parameter.
# Run in this folder: Rscript make_model_syntax.R
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})

models <- c(
  "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9",
  "# comment\nf =~ x1 +\n  x2 ! another\n\n  + x3; g =~ x4 + x5",
  "f =~ NA*x1 + a*x2 + -0.5*x3 + 1e-3*x4\nf ~~ 1*f",
  "f =~ a*x1 + 0.5*x1 + x2",
  "f =~ start(0.8)*x1 + NA*x2 + b*x2",
  "f =~ c(1, NA)*x1 + c(a, a)*x2 + c(\"a\",\"b\")*x3",
  "f =~ start(c(0.5, 0.6))*x1 + label(\"a\")*x2 + label(c(\"a\",\"b\"))*x3 + c(\"a\",\"\")*x4",
  "f + g =~ x1 + x2; x1 + x2 ~~ x3 + 0.2*x4; h =~ x3 + x4",
  "f =~ x1 + x2\nx1 | t1 + t2 + t3\nx2 | a*t1 + -0.5*t2\nx1 ~*~ 1*x1",
  "f =~ x1 + x2\nx1 ~ 1; x2 ~ 0.5*1\nf ~ 0; x1 + x2 ~~ x3; g =~ x3",
  "general =~ f1 + f2 + f3; f1 =~ x.1 + x_2; f2 =~ .x3 + x4; f3 =~ \u00e5 + \u00f6l",
  "f =~ x1 + x2 + equal(\"f=~x2\")*x3",
  "f =~ x1\nf ~~ c(1, NA)*f\nf ~ c(0, NA)*1\nx1 ~ c(i1, i1)*1"
)
read <- function(model) {
  rows <- lavParseModelString(model, as.data.frame. = TRUE)
  list(text = model, rows = rows[, c("lhs", "op", "rhs", "fixed", "start", "label")])
}
made <- list(lavaan = as.character(packageVersion("lavaan")), models = lapply(models, read))
write(toJSON(made, auto_unbox = TRUE, pretty = TRUE), "model_syntax.json")
