#!/bin/sh
# Prints the events of a job, then its new ones as they come, until the job ends.
#
# usage: stream-progress.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
#        stream-progress.sh JOB_ID after_sequence:=12 include:='["PROGRESS_INCLUDE_FILLS"]'
set -eu
: "${GRPCURL_MAX_TIME:=0}"
. "$(dirname "$0")/call.sh"
call StreamProgress "job_id" "$@"
