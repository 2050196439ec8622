#!/bin/sh
# Install, upgrade or roll back the appliance; needs no network. `install.sh --help` says how.
# Needs Python 3.11 or 3.12 with the venv module, and ssh-keygen.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for python in ${APPLIANCE_PYTHON:-python3.11 python3.12 python3}; do
  if "$python" -I -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
    # Nothing is looked for in this directory, in ours or in variables, and no compiled file is read
    # (a place below /dev/null holds none) or written beside these: the manifest would not know it.
    exec "$python" -I -B -X pycache_prefix=/dev/null/none "$here/offline/__main__.py" "$@"
  fi
done
echo "install.sh: no Python 3.11 or 3.12 with venv was found. Install one from the system's own packages, or name it in APPLIANCE_PYTHON." >&2
exit 2
