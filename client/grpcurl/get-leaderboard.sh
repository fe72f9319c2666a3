#!/bin/sh
# Prints the ranking of an experiment.
#
# usage: get-leaderboard.sh [FIELD=TEXT | FIELD:=JSON]...
#        get-leaderboard.sh experiment=demo sort=LEADERBOARD_SORT_SHARPE
set -eu
. "$(dirname "$0")/call.sh"
call GetLeaderboard "" "$@"
