"""The dashboard of the template, drawn from what the functions of a local stack measured."""
