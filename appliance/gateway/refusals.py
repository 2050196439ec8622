"""Every way in which the gateway says no: a rule from a fixed list, never a word of the request."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse


class Rule(StrEnum):
    """Why; also the label of a metric and a fact of the ledger."""

    CALLER = "unknown-caller"
    HEADER = "header-not-allowed"
    NOT_OFFERED = "not-offered"
    TOO_LARGE = "too-large"
    SLOW = "too-slow"
    UNREADABLE = "not-readable"
    FIELD = "field-not-allowed"
    VALUE = "value-not-allowed"
    URL = "url-in-text"
    MODEL = "model-not-listed"
    CLEARANCE = "clearance-invalid"
    IDENTIFIER = "identifier"
    NOT_INSPECTED = "not-inspected"
    QUOTA = "quota-spent"
    BUSY = "busy"
    STALE = "policies-changed"
    LATCHED = "latched"
    RECORD = "not-recorded"
    PROVIDER = "provider-failed"
    PROVIDER_REFUSED = "provider-refused"
    PROVIDER_LIMIT = "provider-limit"
    QUARANTINED = "reply-quarantined"
    BUG = "unforeseen"


_STATUS: Final = {
    Rule.CALLER: HTTPStatus.UNAUTHORIZED,
    Rule.HEADER: HTTPStatus.BAD_REQUEST,
    Rule.NOT_OFFERED: HTTPStatus.NOT_FOUND,
    Rule.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Rule.SLOW: HTTPStatus.GATEWAY_TIMEOUT,
    Rule.UNREADABLE: HTTPStatus.BAD_REQUEST,
    Rule.FIELD: HTTPStatus.BAD_REQUEST,
    Rule.VALUE: HTTPStatus.BAD_REQUEST,
    Rule.URL: HTTPStatus.BAD_REQUEST,
    Rule.MODEL: HTTPStatus.FORBIDDEN,
    Rule.CLEARANCE: HTTPStatus.FORBIDDEN,
    Rule.IDENTIFIER: HTTPStatus.FORBIDDEN,
    Rule.NOT_INSPECTED: HTTPStatus.FORBIDDEN,
    Rule.QUOTA: HTTPStatus.FORBIDDEN,
    Rule.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Rule.STALE: HTTPStatus.SERVICE_UNAVAILABLE,
    Rule.LATCHED: HTTPStatus.SERVICE_UNAVAILABLE,
    Rule.RECORD: HTTPStatus.SERVICE_UNAVAILABLE,
    Rule.PROVIDER: HTTPStatus.BAD_GATEWAY,
    Rule.PROVIDER_REFUSED: HTTPStatus.BAD_GATEWAY,
    Rule.PROVIDER_LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    Rule.QUARANTINED: HTTPStatus.BAD_GATEWAY,
    Rule.BUG: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_WORDS: Final = {
    Rule.CALLER: "The gateway does not know this caller.",
    Rule.HEADER: "The request has a header that the gateway does not take from callers.",
    Rule.NOT_OFFERED: "The gateway offers /v1/chat/completions and /v1/models, nothing else.",
    Rule.TOO_LARGE: "The request is larger than the policy allows.",
    Rule.SLOW: "It took longer than the policy allows.",
    Rule.UNREADABLE: "The body is not one JSON object in UTF-8 with every key once.",
    Rule.FIELD: "The request has a field that the gateway does not know or does not allow.",
    Rule.VALUE: "A field has a value that the gateway does not allow.",
    Rule.URL: "The text holds an address; the gateway sends no addresses.",
    Rule.MODEL: "The policy does not list this model.",
    Rule.CLEARANCE: "The request needs the gate's stamp, and has none that is good for it.",
    Rule.IDENTIFIER: "The gate found an identifier, or could not rule one out.",
    Rule.NOT_INSPECTED: "The gate could not read the request.",
    Rule.QUOTA: "This caller has spent what the policy gives it for today.",
    Rule.BUSY: "Too many requests at once, or in this minute.",
    Rule.STALE: "Policies, patients or notes changed, and the gateway has not loaded them yet.",
    Rule.LATCHED: "The door is shut: an administrator must run `appliance gateway open`.",
    Rule.RECORD: "The ledger could not take the request, so it was not sent.",
    Rule.PROVIDER: "The provider did not answer as it should.",
    Rule.PROVIDER_REFUSED: "The provider refuses the request, or leads elsewhere.",
    Rule.PROVIDER_LIMIT: "The provider asks to wait.",
    Rule.QUARANTINED: "The reply held an identifier; it was kept back.",
    Rule.BUG: "The gateway failed; nothing more was sent.",
}
# Clients of the OpenAI API repeat what ends with 429 or 5xx, unless they are told not to.
_WORTH_REPEATING: Final = {Rule.BUSY, Rule.PROVIDER_LIMIT, Rule.PROVIDER, Rule.SLOW, Rule.STALE}


class Refused(Exception):
    """The request goes no further.

    Args:
        rule: Why.
        param: Path of the field it is about, made of known names and numbers only.
        retry_after_s: When it may be worth asking again; None where it is not known.
    """

    def __init__(self, rule: Rule, param: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(rule.value)
        self.rule = rule
        self.param = param
        self.retry_after_s = retry_after_s


def to_response(refused: Refused) -> JSONResponse:
    """The refusal in the OpenAI API's form."""
    status = _STATUS[refused.rule]
    error = {
        "message": _WORDS[refused.rule],
        "type": "gateway_error",
        "param": refused.param or None,
        "code": refused.rule.value,
    }
    headers = {"x-should-retry": "true" if refused.rule in _WORTH_REPEATING else "false"}
    if refused.retry_after_s is not None:
        headers["retry-after"] = f"{refused.retry_after_s:g}"
    return JSONResponse({"error": error}, status, headers)
