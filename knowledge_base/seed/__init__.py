"""Demo data: the catalogue, stores and rules of the demo shop, and customers with orders made for a given day."""
