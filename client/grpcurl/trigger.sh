#!/bin/sh
# Plans the dates that the models of a config still lack, accepts them as a job and prints it.
#
# usage: trigger.sh CONFIG [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call Trigger "config_path" "$@"
