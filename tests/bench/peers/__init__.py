"""What compare_peers is made of."""
