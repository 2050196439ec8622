"""What may still be spent: reserved before a request, settled after it, on disk in between.

Comes in: accounts with their caps, the most that a request can cost, what it did cost.
Goes out: a reservation, or a refusal; together they never pass a cap.
Never here: a price list, a clock, a socket, text.
"""
