# Sourced by the scripts beside it, with $root set: `ready EXTRA` makes or refreshes the environment
# in $root/.venv if it is not as pyproject.toml and constraints.txt say. Works in any POSIX shell.

find_python() {
  refused=
  for candidate in ${BAKEOFF_PYTHON:-python3.11 python3.12 python3.13 python3}; do
    # Asked rather than looked up: a version manager's shim may stand for a Python that is not there.
    "$candidate" -c '' 2>/dev/null || continue
    if ! "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      refused="$refused $candidate is $("$candidate" -V 2>&1)."
    elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
      refused="$refused $candidate cannot make environments (on Debian and Ubuntu: install python3-venv)."
    else
      echo "$candidate"
      return 0
    fi
  done
  echo "Bakeoff needs Python 3.11 or newer with its venv module, and none was found.$refused" \
    "Install one, or name it: BAKEOFF_PYTHON=/path/to/python3." >&2
  return 1
}

ready() {
  if ! "$root/.venv/bin/python" -IS "$root/scripts/set_up.py" --check "$1" 2>/dev/null; then
    base=$(find_python) || exit 2
    "$base" "$root/scripts/set_up.py" "$1" || exit $?
  fi
}
