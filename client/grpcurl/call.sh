# shellcheck shell=sh
# How every script of this folder calls the service. It is sourced, not run; README.md tells what can be set.

: "${AITRADER_SERVER:=127.0.0.1:50051}"
: "${GRPCURL_OPTIONS:=-plaintext}"
: "${GRPCURL_PROTOSET:=}"
: "${GRPCURL_MAX_TIME:=30}"

# call RPC "REQUIRED_FIELD ..." [ARGUMENT]...
# The first arguments are the required fields, the others FIELD=TEXT or FIELD:=JSON.
call() {
  rpc=$1
  required=$2
  shift 2
  case ${1-} in -h | --help) help && exit 0 ;; esac
  need grpcurl
  need jq
  request=$(request "$required" "$@") || wrong_usage
  # shellcheck disable=SC2086 # the options are words
  exec grpcurl $GRPCURL_OPTIONS ${GRPCURL_PROTOSET:+-protoset "$GRPCURL_PROTOSET"} \
    -emit-defaults -format-error -max-time "$GRPCURL_MAX_TIME" -keepalive-time 20 \
    -d "$request" "$AITRADER_SERVER" "aitrader.v1.SimulationService/$rpc"
}

request() {
  required=$1
  shift
  jq -cn --arg required "$required" '
    ($required | split(" ")) as $names
    | ($names | length) as $count
    | $ARGS.positional as $words
    | if ($words | length) < $count then error("\($names[$words | length]) is missing") else . end
    | reduce range($count) as $i ({}; .[$names[$i]] = $words[$i])
    | reduce $words[$count:][] as $word (.;
        ([$word | capture("^(?<name>[a-z][a-z0-9_]*)(?<json>:?)=(?<value>.*)$"; "m")] | first) as $field
        | if $field == null then error("\($word | tojson) is neither FIELD=TEXT nor FIELD:=JSON")
          elif $field.json == "" then .[$field.name] = $field.value
          else .[$field.name] = ($field.value | try fromjson catch error("\($field.name): not JSON")) end)
  ' --args -- "$@"
}

# The comment at the top of a script is its help.
help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

wrong_usage() {
  help | grep '^usage:' >&2
  exit 2
}

need() {
  command -v "$1" >/dev/null || {
    echo "$1 is not installed" >&2
    exit 127
  }
}
