# Ends what still runs from a sandbox's data folder, waits until it has, and removes the System V segment that a killed
# postmaster leaves. After an orderly end postmaster.pid is gone, and there is nothing to do.
data=$1/data
[ -e "$data/postmaster.pid" ] || exit 0

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
    [ "$line" = 7 ] && [ -n "$segment" ] && ipcrm -m "$segment"
done <"$data/postmaster.pid"
exit 0
