"""Run several stages and write their records: prepare, train, evaluate."""
