"""How good a model is: likelihood, overlap with references, facts, citations, abstention, with confidence intervals."""
