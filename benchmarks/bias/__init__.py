"""`make bench-bias`: stereotypes in a model's likelihoods and rude words in what it writes."""
