"""Every verb of onecardctl with calls that fail under it.

    cli_faults.py --ctl PROGRAM --dir SITE --shim libfaults.so --values FILE [--seconds S] [--only REGEX]

The verbs and their options are read from the program's own help, so that a new one is met here too. Values stand in a
file of lines "verb option value", "* option value" for all: option is --name, or what help calls a word (CARD, FILE).

Each verb runs as it is; then with its n-th allocation, file call or socket call failing, once or from then on: a
place of each verb after the other, and again, as long as there is time or until each place had its turn. It must end in time and by itself. Status 0 means
that it said the same as the undisturbed one; any other, that it said why on standard error, in its own name. What it
writes is whole or not there.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

LIMIT_S = 8
NEVER = "own:1000000000"
KINDS = ("own", "memory", "files", "net")
HALF_MADE = {"init"}  # says so itself, and refuses the folder the next time


def words_of_help(ctl):
    text = subprocess.run([ctl, "--help"], capture_output=True, text=True, check=True).stdout
    part = text.split("Commands:\n", 1)[1].split("\n\n", 1)[0]
    for noun in (line.split()[0] for line in part.splitlines()):
        text = subprocess.run([ctl, noun, "--help"], capture_output=True, text=True, check=True).stdout
        if text.startswith("usage:"):
            yield (noun,), text
            continue
        for verb in re.findall(r"^  (\S+)", text, re.M):
            one = subprocess.run([ctl, noun, verb, "--help"], capture_output=True, text=True, check=True).stdout
            yield (noun, verb), one


class Values:
    def __init__(self, path):
        self.rows = [line.rstrip("\n").split(None, 2) for line in open(path) if line.strip() and line[0] != "#"]

    def of(self, verb, option):
        """A value for that option; None: it is not given."""
        for wanted in (" ".join(verb), "*"):
            for row in self.rows:
                if row[0].replace("_", " ") == wanted and row[1] == option:
                    return row[2] if len(row) > 2 else ""
        return None


def line_of(verb, text, values):
    """The words of one call: what is required, and what the values name."""
    usage = text.splitlines()[0].split()[2 + len(verb):]
    given = []
    for word in (w for w in usage if not w.startswith("-")):
        bare = word.strip("[]")
        if not re.fullmatch(r"[A-Z-]+", bare):
            continue
        if usage.index(word) > 0 and usage[usage.index(word) - 1].startswith("--"):
            continue
        value = values.of(verb, bare)
        if value is None and word[0] != "[":
            value = "x1"
        if value is not None:
            given.append(value)
    part = text.split("Options:\n", 1)[1].split("\n\n", 1)[0] if "Options:\n" in text else ""
    for option in part.splitlines():
        m = re.match(r"  --(\S+)(?: (\S+))?  ", option)
        if not m:
            continue
        value = values.of(verb, "--" + m.group(1))
        if value is None and "(required)" in option:
            value = "x1"
        if value is not None:
            given += ["--" + m.group(1)] + ([value] if m.group(2) else [])
    return list(verb) + given


def plain(text):
    """What may differ between two runs of one call is taken out."""
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{13}\b", "ID", text)
    text = re.sub(r"[0-9a-fA-F]{16,}", "HEX", text)
    text = re.sub(r"[A-Za-z0-9_+/=-]{24,}", "LONG", text)
    return re.sub(r"\s+", " ", re.sub(r"[0-9]+", "0", text))


class Verb:
    def __init__(self, args, verb, line, home):
        self.args, self.verb, self.line, self.home = args, verb, line, home
        self.name = " ".join(verb)
        self.grows = False  # says more each time

    def run(self, faults):
        """(status, out, err, calls, what lies in the folder)"""
        shutil.rmtree(self.home, ignore_errors=True)
        os.mkdir(self.home)
        with open(os.path.join(self.home, "in.json"), "w") as f:
            f.write("{}\n")
        seen = self.home + ".seen"
        env = dict(os.environ, LC_ALL="C", FAULTS=faults, FAULTS_SEEN=seen, LD_PRELOAD=self.args.shim)
        site = os.path.join(self.home, "new") if self.verb == ("init",) else self.args.dir
        p = subprocess.run([self.args.ctl, "--dir", site] + self.line, cwd=self.home, env=env, input="410102199001010021\n",
                           capture_output=True, text=True, errors="replace", timeout=LIMIT_S)
        calls = open(seen).read().split()[1:] if os.path.exists(seen) else ["0"] * len(KINDS)
        if os.path.exists(seen):
            os.unlink(seen)
        left = sorted(os.listdir(self.home)) if self.verb[0] not in HALF_MADE else []
        return p.returncode, p.stdout, p.stderr, [int(n) for n in calls], left

    def wrong(self, usual, faults):
        """What is wrong with one run; None: nothing."""
        try:
            status, out, err, _, left = self.run(faults)
        except subprocess.TimeoutExpired:
            return "no end after %d s" % LIMIT_S
        if status < 0 or status > 3:
            return "ended by %d: %s" % (status, err[-300:])
        if status == 0:
            if usual[0] != 0:
                return "done, where it is otherwise refused"
            if self.grows and len(out) * 10 > len(usual[1]) * 9:
                return None
            if plain(out) != plain(usual[1]):
                return "said something else: %r, not %r" % (out[:300], usual[1][:300])
            return None if left == usual[4] else "left %s, not %s" % (left, usual[4])
        if not re.search(r"^onecardctl.*: \S", err, re.M) and not (status == usual[0] and out and plain(out) == plain(usual[1])):
            if not re.search(r"^(refused|IN DOUBT|voided)", out):
                return "status %d, and nobody was told why: %r %r" % (status, out[:200], err[:200])
        if len(err.splitlines()) > 8:
            return "says too much: %r" % err[:600]
        extra = [f for f in left if f not in usual[4] and f != "in.json"]
        return "left %s behind" % extra if extra else None


class Turns:
    """Of each verb and kind one place after another, spread over all of them."""

    def __init__(self, verb):
        self.verb = verb
        verb.run(NEVER)  # whatever it changes is changed by now
        self.usual = verb.run(NEVER)
        self.calls = dict(zip(KINDS, self.usual[3]))
        self.done = {kind: set() for kind in KINDS}
        self.wrong = []

    def turn(self, number):
        """How many runs it made."""
        runs = 0
        self.usual = self.verb.run(NEVER)  # others may have changed what it says
        for kind, calls in self.calls.items():
            n = 1 + int(calls * (number * 0.6180339887498949 % 1)) if number < calls else 0
            while 0 < n <= calls and n in self.done[kind]:
                n += 1
            if not 0 < n <= calls:
                continue
            self.done[kind].add(n)
            faults = "%s:%d%s" % (kind, n, "+" if number % 3 == 1 else "")
            why = self.verb.wrong(self.usual, faults)
            if why:  # the first of its kind may have changed something, as "already there" from now on
                before, self.usual = self.usual, self.verb.run(NEVER)
                self.verb.grows = plain(before[1]) != plain(self.usual[1])
                why = self.verb.wrong(self.usual, faults)
            runs += 1
            if why:
                self.wrong.append("%s: %s" % (faults, why))
        return runs

    def tell(self):
        told = ", ".join("%s %d of %d" % (kind, len(self.done[kind]), calls) for kind, calls in self.calls.items())
        print("%-5s %s: status %d; %s" % ("WRONG" if self.wrong else "ok", " ".join(self.verb.line), self.usual[0], told))
        for line in self.wrong:
            print("      " + line)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ctl", "dir", "shim", "values"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--seconds", type=float, default=90, help="no further turn begins so long after the first")
    p.add_argument("--only", default="", help="verbs that match")
    args = p.parse_args()
    values = Values(args.values)
    home = tempfile.mkdtemp(prefix="onecard-faults.")
    runs, turns = 0, []
    for verb, text in words_of_help(args.ctl):
        if re.search(args.only, " ".join(verb)):
            turns.append(Turns(Verb(args, verb, line_of(verb, text, values), os.path.join(home, "-".join(verb)))))
    begun = time.monotonic()
    for number in range(max(max(t.calls.values()) for t in turns)):
        made = 0
        for t in turns:
            if time.monotonic() - begun < args.seconds:
                made += t.turn(number)
        runs += made
        if not made:
            break
    for t in turns:
        t.tell()
    bad = sum(len(t.wrong) for t in turns)
    shutil.rmtree(home, ignore_errors=True)
    print("%d verbs, %d runs with a fault, %d wrong, %.0f s" % (len(turns), runs, bad, time.monotonic() - begun))
    return 1 if bad or runs < len(turns) else 0


if __name__ == "__main__":
    sys.exit(main())
