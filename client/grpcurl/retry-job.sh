#!/bin/sh
# Runs the model-days of an ended job again that did not complete, in the same job.
#
# usage: retry-job.sh JOB_ID [FIELD=TEXT | FIELD:=JSON]...
#        retry-job.sh JOB_ID models:='["gpt-5"]'
set -eu
. "$(dirname "$0")/call.sh"
call RetryJob "job_id" "$@"
