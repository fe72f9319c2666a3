#!/bin/sh
# Prints what the service does by itself, when it is due next, and what came of the last time.
#
# usage: list-schedules.sh [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call ListSchedules "" "$@"
