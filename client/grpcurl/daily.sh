#!/bin/sh
# Runs the daily simulation: triggers a config, follows the job to its end and prints the leaderboard.
# Run it as often as you like: it runs the dates that are missing, and follows the job when that runs already.
#
# usage: daily.sh CONFIG [FIELD=TEXT | FIELD:=JSON]...
#
# stdout: the leaderboard, a line a portfolio with tabs between: rank, model, value, return in percent, last date
# stderr: the progress, a line an event
#
# exit codes:
#   0   the job completed, or there was nothing to do
#   1   an error, told on stderr; so is 127: a tool is missing
#   2   wrong usage
#   3   the job ended partial
#   4   the job failed or was cancelled
#   75  try again later: another job is in the way, or the service is busy or away
set -eu
here=$(dirname "$0")

#: seconds until a stream that was cut is opened again, and how often in a row the service may be away
: "${DAILY_WAIT:=5}"
: "${DAILY_LOOKS:=24}"

EVENT='.events[] | [.sequence, (.type | ltrimstr("EVENT_TYPE_") | ascii_downcase), .date, .model, .error]
  | map(select(. != "")) | map(tostring) | join(" ")'
NOT_FOUND=69
ENTRY='.leaderboard[] | [.rank, .model, .portfolio_value, .cumulative_return_pct, .date] | @tsv'

# Runs a script of this folder; $answer is what it printed, which of an error is the error. Ends with its exit code.
ask() {
  script=$1
  shift
  answer=$("$here/$script.sh" "$@" 2>&1)
}

field() {
  printf %s "$answer" | jq -r "$1"
}

# The exit codes of grpcurl are 64 and the code of the error; 1 also stands for a server that was not reached.
give_up() {
  printf '%s\n' "$answer" >&2
  case "$1 $answer" in
    "1 Failed to dial"* | "1 "*"code = Unavailable"* | "68 "* | "72 "* | "74 "* | "78 "*) exit 75 ;;
    "2 "* | "127 "*) exit "$1" ;;
    *) exit 1 ;;
  esac
}

follow() {
  position=0
  looks=0
  while :; do
    "$here/stream-progress.sh" "$job" after_sequence:="$position" 2>/dev/null | jq --unbuffered -r "$EVENT" >&2 || :
    if ask get-status "$job" page_size:=1; then
      looks=0
      position=$(field .last_sequence)
      case $(field .status) in *_PENDING | *_RUNNING) ;; *) return ;; esac
    else
      code=$?
      looks=$((looks + 1))
      [ "$looks" -lt "$DAILY_LOOKS" ] || give_up "$code"
    fi
    sleep "$DAILY_WAIT"
  done
}

leaderboard() {
  if ask get-leaderboard experiment="$experiment"; then
    printf %s "$answer" | jq -r "$ENTRY"
  else
    code=$?
    [ "$code" -eq "$NOT_FOUND" ] || give_up "$code" # no portfolio has a trading day yet
  fi
}

case ${1-} in
  -h | --help) exec sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" ;;
esac
ask trigger "$@" || give_up $?
field .message >&2
field '.warnings[]' >&2
job=$(field .job_id)
experiment=$(field .experiment)
status=up_to_date
if [ -n "$job" ]; then
  follow
  status=$(field .status)
  field '.error | select(. != "")' >&2
fi
leaderboard
case $status in
  up_to_date | JOB_STATUS_COMPLETED) exit 0 ;;
  JOB_STATUS_PARTIAL) exit 3 ;;
  *) exit 4 ;;
esac
