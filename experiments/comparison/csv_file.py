"""The comparison as CSV: a row a run, every number in full."""

import csv
from io import StringIO

from experiments.comparison.comparison import Comparison


def as_csv(comparison: Comparison) -> str:
    """The runs, the best first; what there is not is empty."""
    records = comparison.records()
    text = StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()
