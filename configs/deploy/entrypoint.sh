#!/bin/sh
# What the image runs: the gateway belongs to the client's command, all else to the server's.
case "$1" in
gateway) exec ai-trader "$@" ;;
*) exec ai-trader-server "$@" ;;
esac
