#!/bin/sh
# Prints what the agent of a model-day saw, said and did, step by step.
#
# usage: get-reasoning.sh JOB_ID DATE MODEL [FIELD=TEXT | FIELD:=JSON]...
set -eu
. "$(dirname "$0")/call.sh"
call GetReasoning "job_id date model" "$@"
