"""What makes two requests the same request."""

import hashlib
import json

from appliance.records.prompts import Draft, SamplingParameters


def request_key(draft: Draft, model: str, parameters: SamplingParameters, template: str) -> str:
    """SHA-256 over the prompt's digest, model, parameters and template version, as hex.

    The prompt enters by its digest, so that the journal can be read without it. Sampling has no
    seed: an answer that is in the journal is *the* answer, which is what makes a run repeatable.
    """
    prompt = hashlib.sha256(draft.prompt.encode()).hexdigest()
    sampling = [parameters.temperature, parameters.max_tokens, list(parameters.stop)]
    canonical = json.dumps([prompt, model, sampling, template], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
