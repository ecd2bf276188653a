"""From validation data to a Calibration: judged pairs, galleries drawn of them, curves."""
