"""What the ledger calls it when a site is backed up, and when it is restored; its stages."""

import re
from typing import Final

BEGUN: Final = "backup.begun"
CREATED: Final = "backup.created"
REHEARSED: Final = "backup.rehearsed"
RESTORED: Final = "site.restored"
# Under these words a copy of the site is made on the way, see `artifacts.staging`.
BACKUP: Final = "backup"
REHEARSAL: Final = "rehearsal"
STAGES: Final = (BACKUP, REHEARSAL)

NAME: Final = re.compile(r"(appliance-[0-9a-f]{8}-)\d{8}T\d{6}Z\.age")
"""What a backup's file is called: of which site, and of when."""
