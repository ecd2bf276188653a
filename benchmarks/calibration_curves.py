"""Which curve from scores to probabilities fits validation best: what passerby calibrate compares.

    python benchmarks/calibration_curves.py drawn:ROOT [--model M] [--out FILE]

Log loss on persons left out, five folds over the persons of the val split; less is better.
"""

import argparse
from pathlib import Path

from report import finish, machine

from passerby.build import load_method
from passerby.fitting.curves import fit
from passerby.fitting.judging import asked, judge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    method = load_method(given.model, calibrated=False)
    pairs = asked(given.data, "val")
    found, tried = fit(judge(method, pairs, workers=1), pairs.told)
    values = {name: round(loss, 4) for name, loss in tried.items()}
    told = {"thresholds": found.thresholds, "missed": found.missed, "caught": found.caught}
    finish(
        "calibration curves", values, given.out,
        weights=method.fingerprint, fitted_on=pairs.told, machine=machine(), **told,
    )  # fmt: skip


if __name__ == "__main__":
    main()
