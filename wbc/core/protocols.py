"""The names of the parts of a split and of the ways of scoring."""

PARTS = ("train", "valid", "test")
PROTOCOLS = ("image", "grouped")  # one split each: by file, as the original study did, and by group
CROSSVAL = "crossval"  # cross-validation by group: every image is scored once
SCHEMES = (*PROTOCOLS, CROSSVAL)  # all that is scored
