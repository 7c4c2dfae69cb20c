"""What a poll costs a function that starts cold and one that is warm, beside a straightforward handler."""
