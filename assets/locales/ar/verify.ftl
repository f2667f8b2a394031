# What is answered about a receipt, a proof or a bundle of evidence, on the page and on the command line.
# review = true
