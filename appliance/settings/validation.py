"""Turning pydantic's complaints into one sentence that holds keys and rules, never the input."""

from pydantic import ValidationError


def explain(error: ValidationError) -> str:
    """Every complaint as "key: rule", joined by "; "; the offending values are left out."""
    complaints = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in complaint['loc']) or 'the file'}: {complaint['msg']}"
        for complaint in complaints
    )
