# The page inside a bundle of evidence.
