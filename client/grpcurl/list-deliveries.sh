#!/bin/sh
# Prints what came of posting the end of a job to its callback URLs.
#
# usage: list-deliveries.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call ListDeliveries "job_id" "$@"
