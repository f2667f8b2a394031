# The auditor's pages: the journal, the keys and the checkpoints.
# review = true
