"""What the independent terminal keeps on disk: its identity and its requests (PROTOCOL.md 8)."""
import json
import os

from terminal_wire import pb


class Store:
    """What must survive: the identity, and each request until its result is here too. Lines of JSON, synced."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, "requests.jsonl")
        self.requests, self.results, self.last = {}, {}, 0
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as f:
                for line in f:
                    if line.endswith("\n"):  # a torn last line was never acted on
                        self.take(json.loads(line))
        self.file = open(self.path, "a", encoding="utf-8")

    def take(self, row):
        self.last = max(self.last, row["number"])
        (self.requests if "request" in row else self.results)[row["number"]] = row

    def put(self, **row):
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.take(row)

    def request(self, message):
        self.put(number=message.number, request=message.SerializeToString().hex())

    def result(self, message):
        self.put(number=message.number, outcome=pb.Outcome.Name(message.outcome), service=message.service,
                 amount_fen=message.amount_fen, txn=message.txn)

    def open(self):
        """Requests without a final answer, oldest first. A doubt stays open: it is asked again with its card."""
        return [pb.Request.FromString(bytes.fromhex(r["request"])) for n, r in sorted(self.requests.items())
                if n not in self.results]

    def totals(self, first, last):
        sums = {}
        for n, r in self.results.items():
            if first <= n <= last and r["outcome"] == "POSTED":
                count, amount = sums.get(r["service"], (0, 0))
                sums[r["service"]] = (count + 1, amount + r["amount_fen"])
        return [pb.Total(service=s, count=c, amount_fen=a) for s, (c, a) in sorted(sums.items())]

    def file_of(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        path = self.file_of(name)
        fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + ".new", path)

    def read(self, name):
        with open(self.file_of(name), encoding="utf-8") as f:
            return f.read()
