# Ends what still runs from a sandbox's data folder, and removes the System V segment that a killed postmaster leaves.
# After an orderly end postmaster.pid is gone, and there is nothing to do.
data=$1/data
[ -e "$data/postmaster.pid" ] || exit 0
for process in /proc/[0-9]*; do
    [ "$process/cwd" -ef "$data" ] && kill -s KILL "${process#/proc/}"
done
line=0
while read -r key segment; do
    line=$((line + 1))
    [ "$line" = 7 ] && [ -n "$segment" ] && ipcrm -m "$segment"
done <"$data/postmaster.pid"
exit 0
