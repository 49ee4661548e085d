"""Names of the parts of a split and of the scoring schemes."""

PARTS = ("train", "valid", "test")
HOLDOUTS = ("image", "grouped")  # one test part each: split by file, as the original study did, and by group
CROSSVAL = "crossval"  # cross-validation by group: every image is scored once
SCHEMES = (*HOLDOUTS, CROSSVAL)  # all schemes
