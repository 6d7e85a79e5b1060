"""Decoding: many rows through one model, token by token, with their keys and values kept between steps."""
