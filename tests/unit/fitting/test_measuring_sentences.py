"""Sentences to measure a gallery with are as users ask, and the same each time."""

from passerby.fitting.sentences import sentences


def test_sentences_are_long_and_short_in_turn_and_the_same_each_time() -> None:
    told = sentences(60)
    assert told == sentences(60)
    assert told[:10] == sentences(10)
    assert len(set(told)) > 55
    assert min(len(text.split()) for text in told[::2]) >= 10
    assert (
        sum(len(text.split()) for text in told[1::2]) < sum(len(t.split()) for t in told[::2]) / 2
    )
    assert all(text.startswith(("a ", "an ", "the ")) for text in told[1:20:2])
