library(testthat)
library(placa)

test_check("placa")
