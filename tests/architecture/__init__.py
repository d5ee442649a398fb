"""What the source of gradus must look like, whatever it computes."""
