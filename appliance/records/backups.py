"""What the ledger calls it when a site is backed up, and when it is restored."""

from typing import Final

BEGUN: Final = "backup.begun"
CREATED: Final = "backup.created"
REHEARSED: Final = "backup.rehearsed"
RESTORED: Final = "site.restored"
