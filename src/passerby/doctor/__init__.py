"""What is wrong with a data set on disk, and what to do about it."""

from passerby.doctor.examination import examine
from passerby.doctor.findings import Finding, Findings

__all__ = ["Finding", "Findings", "examine"]
