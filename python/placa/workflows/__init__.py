"""What calls several stages and writes the records: prepare, train, evaluate."""
