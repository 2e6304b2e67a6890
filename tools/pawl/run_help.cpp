#include "run_help.hpp"

namespace pawl_tool {

const char* const run_help = R"(Examples:
  find /usr/include -type f | pawl run digest > digests
  find . -name '*.log' -print0 | pawl run -0 -- gzip -9 {}
  cat hosts | pawl run --concurrency 20 --keep-order -- ping -c 1
  cat urls | pawl run --attempts 5 --backoff exp:1s,cap=1m --timeout 30s -- curl -fsSO
  cat urls | pawl run -j 8 --rate 50/s,burst=10 -- curl -fsSO
  cat posts | pawl run -j 8 --lane 1 -- ./post {}
  seq 10 | pawl run -o jsonl -- sh -c 'echo $(($1 * $1))' sh {} | jq .output
  echo '{"kind": "exec", "payload": ["ls", "-l"], "delay": "2s"}' | pawl run --jsonl
  find / -name '*.iso' | pawl run --store isos digest > digests
  yes | head -n 10000000 | pawl run noop

Runs one job for each line of standard input.

Kinds:
  digest        SHA-256 of the file the line names, as sha256sum prints it
  -- COMMAND    runs COMMAND; {} in it stands for the line, else the line is its last word.
                No shell, standard input empty, a process group of its own. The job is over when
                COMMAND has exited and its output is closed, or one second after the exit; what is
                left of the group is then killed, and so is all of it when pawl is, even by SIGKILL.
                A process that leaves the group, as setsid does, may live on. Exit code 0 means
                completed, else it has failed.
  sleep         waits as long as the line, or --for, says
  noop          nothing

Failures: a job that fails is dead, or with --attempts N is started again, up to N times in all. Its
output is that of its last attempt; what the earlier ones wrote is dropped. SPEC of --backoff says how
long to wait before that:
  TIME or fixed:TIME        linear:TIME (TIME, 2 TIME, ...)
  exp:TIME,xN (times N)     table:TIME,TIME,... (at most 8; the last one again)
  then ,cap=TIME (linear and exp: the longest; 5m) and ,jitter=none, full, equal or decorrelated
Without it: exp:1s,x2,cap=5m, with jitter equal: between half of that and all of it. An attempt that
runs longer than --timeout has failed, whatever its exit code: the group of COMMAND gets SIGTERM, and
SIGKILL 5 s later. Times are such as 250ms, 1.5s, 2m, 1h; a number alone is seconds.

With --jsonl a line is an object such as {"kind": "digest", "payload": "a file"}. Its members, all of
them optional where the command line says the same:
  kind          digest, exec, noop, sleep
  payload       what else a line would be. For exec an array of strings: the last words of COMMAND,
                or without COMMAND all of the command
  priority, delay, timeout, attempts   as --priority, --after, --timeout, --attempts; times are
                strings, or numbers of seconds
  queue         a name; queues of one priority share the threads by weight, evenly without --queue
A line that is none of this gets an error with its column (in bytes) and is not run.

Limits: --rate COUNT/TIME starts at most so many attempts in each TIME, such as 50/s, 600/m, 1/250ms,
evenly spaced; with ,burst=N up to N at once after a rest. --queue NAME:concurrency=N,rate=COUNT/TIME,
burst=N,weight=N (any of them) does the same for one queue: how many of its jobs run at once, how fast they
start, and its share (1 to 1000). Without --jsonl all jobs are in that queue, else in those that the lines
name, and in queue run where they name none. Jobs that wait for a limit keep no other queue waiting,
until --window is full of them.

Lanes: with --lane N jobs whose lines have the same N-th word run one after another in the order of the
input, and beside those of other lanes; with --jsonl FIELD is the name of a member, a string or a whole
number. A line without it is in no lane. While a job waits for its next attempt its lane waits for it; when
it is dead the lane goes on.

What a job writes is held until its end and comes out in one piece: 64 MB of all of them in memory,
the rest in unnamed files in $TMPDIR. With --memory SIZE jobs that wait take no more than that, with all
that the scheduler needs for them, and the input is read no faster. A line may have 1,048,560 bytes. Ctrl-C stops the intake
and waits for the jobs that run, but not for those that wait to be tried again; a second one ends
them. --halt N stops it in the same way once N jobs have died, or lines were no jobs.

Stores: with --store DIR jobs and what becomes of them are kept in DIR. The same command with the same
input, typed again after a crash, Ctrl-C or --halt, goes on where it stopped: every line runs, and none
runs again whose end is on the disk; one that had just ended may, or that ran. First it prints what is
known already, so what it prints is whole each time, each line once; dead ones without their output, and
of a longer output the first 64 KB (pawl jobs results DIR prints completed ones at any time). More lines
may have been added to the end of the input; if it begins otherwise, or the command is another, nothing
is changed. What is said of speed, order, limits, attempts and output may differ. --new begins anew.
All results are in memory, so that it grows with the input.

Exit codes: 0 all jobs completed, 8 some died or --halt, 1 none completed or output failed, 2 wrong
usage, 130 interrupted. Of a store: 3 there is no place for it, 4 it is that of another input, another
command, another program, or a process has it open; 5 it is damaged.)";

}  // namespace pawl_tool
