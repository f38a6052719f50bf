"""A delivery that is answered with a refusal: an HTTP status, an outcome to count, and one sentence."""

from __future__ import annotations


class DeliveryError(Exception):
    """Why a webhook was not taken; it never leaves this room, but as an answer."""

    def __init__(self, status: int, outcome: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.outcome = outcome
        self.sentence = sentence
