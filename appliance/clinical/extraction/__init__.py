"""TODO(room head): what comes in, what goes out, what must never happen here."""
