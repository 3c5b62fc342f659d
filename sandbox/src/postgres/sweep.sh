# Ends what still runs from a sandbox's data folder, waits until it has, and removes the System V segment that a killed
# postmaster leaves. After an orderly end postmaster.pid is gone, and there is nothing to do.
data=$1/data
[ -e "$data/postmaster.pid" ] || exit 0

# Who leads us to another's folder would have us, as root, end what runs from that one.
[ -L "$data" ] && exit 0
[ "$(stat -c %u "$1")" = "$(stat -c %u "$data")" ] || exit 0

# A process lets go of shared memory and sockets before it lets go of its folder.
rounds=500
while [ "$rounds" -gt 0 ]; do
    found=
    for process in /proc/[0-9]*; do
        [ "$process/cwd" -ef "$data" ] && found=1 && kill -s KILL "${process#/proc/}"
    done
    [ -n "$found" ] || break
    rounds=$((rounds - 1))
    /bin/sleep 0.02
done

line=0
while read -r key segment; do
    line=$((line + 1))
    [ "$line" = 7 ] || continue
    case $segment in
    '' | *[!0-9]*) ;;
    *) ipcrm -m "$segment" ;;
    esac
done <"$data/postmaster.pid"
exit 0
