"""A text that nothing may let pass, shown to gates and gateways to see that they stop it."""

from typing import Final

# Invented: numbers from ranges that are never issued, a name that nobody has.
CANARY: Final = (
    "Patient Zebedee Quillfeather, born 03/04/1931, MRN 00912345, phone (202) 555-0143, "
    "was seen at 12 Harbour Lane on 2 May 2024."
)
