# The page inside a bundle of evidence.
# review = true
