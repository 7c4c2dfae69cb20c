"""When to poll next: pure arithmetic over a watch and what is known about its import."""
