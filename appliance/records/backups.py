"""What the ledger calls it when a site is backed up, and when it is restored; its stages."""

from typing import Final

BEGUN: Final = "backup.begun"
CREATED: Final = "backup.created"
REHEARSED: Final = "backup.rehearsed"
RESTORED: Final = "site.restored"
# Under these words a copy of the site is made on the way, see `artifacts.staging`.
BACKUP: Final = "backup"
REHEARSAL: Final = "rehearsal"
STAGES: Final = (BACKUP, REHEARSAL)
