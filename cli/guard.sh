#!/bin/sh
# Ends what the stack started when the stack itself can no longer do so (kill -9, out of memory).
# Reads "+ PGID" and "- PGID" lines from its stdin, which only the stack's process holds open: the
# end of the input means that this process is gone, and every process group still listed is ended.
trap '' INT TERM HUP PIPE
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -)
      kept=' '
      for other in $groups; do
        [ "$other" = "$group" ] || kept="$kept$other "
      done
      groups=$kept
      ;;
  esac
done
for group in $groups; do kill -TERM "-$group" 2>/dev/null; done
tries=0
while [ "$tries" -lt 30 ]; do
  alive=
  for group in $groups; do kill -0 "-$group" 2>/dev/null && alive=1; done
  [ -z "$alive" ] && exit 0
  # A second time: not to wait for running calls, and to say BYE to callers.
  [ "$tries" -eq 5 ] && for group in $groups; do kill -TERM "-$group" 2>/dev/null; done
  sleep 0.1
  tries=$((tries + 1))
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
