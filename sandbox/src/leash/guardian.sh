# Holds one child and one folder for an owner that may die at any moment. Arguments: the folder (or nothing),
# stop signal, grace in tenths of a second, signal at the guardian's own death, epilogue script, path of setpriv
# and of setsid; then the child's command line.
#
# Standard input is a socket whose other end the owner alone holds, so that end-of-file means "let go", however the
# owner came to its end. The owner writes `start`, and `leave` if the folder is to stay; the guardian answers
# `pid N` and `exit STATUS`.
folder=$1 stop=$2 grace=$3 death=$4 epilogue=$5 setpriv=$6 setsid=$7
shift 7
trap '' HUP INT QUIT TERM PIPE

finish() {
    [ -z "$epilogue" ] || /bin/sh -c "$epilogue" epilogue "$folder"
    [ -z "$folder" ] || /bin/rm -rf -- "$folder"
    exit 0
}

read -r word || finish 2>/dev/null

# The shell ignores signals, and what it starts in the background would too: env gives the child the defaults back.
# A session of its own makes the child the head of a group, in which what it starts can be found. Its number is
# reported by the child itself, once all that is done: a signal sent any earlier would be lost.
exec 3<&0
/usr/bin/env --default-signal "$setsid" "$@" </dev/null &
child=$!

# From here on the child alone holds the caller's standard output and error.
exec </dev/null >/dev/null 2>&1

# `wait` cannot watch the socket, so a second shell does; it ends with the guardian.
"$setpriv" --pdeathsig KILL -- /bin/sh -c '
    while read -r word; do :; done
    kill -s "$2" "$1"
    kill -s CONT "$1"
    while [ "$3" -gt 0 ] && kill -0 "$1"; do
        /bin/sleep 0.1 </dev/null
        set -- "$1" "$2" $(($3 - 1))
    done
    kill -s KILL "$1"
' watch "$child" "$stop" "$grace" <&3 3<&- &
watch=$!

wait "$child"
status=$?
# Before its number can go to another process, nobody may signal it any more.
kill -s KILL "$watch"
wait "$watch"
echo "exit $status" >&3

# What the child started and did not take with it.
kill -s KILL -- "-$child"
read -r word <&3 && [ "$word" = leave ] && exit 0
finish
