"""`make bench-generation`: grounded replies, the shop's own questions, handoff summaries, the stages of training."""
