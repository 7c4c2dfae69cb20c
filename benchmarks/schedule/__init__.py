"""The schedule beside what others do by default, over simulated imports, and beside the best that there can be."""
