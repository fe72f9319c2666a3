#!/bin/sh
# Prints the version of the service and how its parts are.
#
# usage: get-service-status.sh [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetServiceStatus "" "$@"
