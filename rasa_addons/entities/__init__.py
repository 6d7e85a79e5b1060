"""Entities of a message: a linear-chain CRF over words that knows the catalogue's names, slips of spelling included."""
