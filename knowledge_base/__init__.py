"""The shop's data: orders, returns, products and articles behind functions that check who is asking.

Every function that touches a customer's data takes a `Principal`; `Database` gives the sessions they work in.
"""
