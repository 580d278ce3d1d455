"""The real TensorBoard server."""
import contextlib, json, re, subprocess, sys, time, urllib.error, urllib.parse, urllib.request

LONGEST = 120  # seconds that anything may take


class Server:
    """A server on a free port of this machine, until the end of the `with`."""

    def __init__(self, logdir, fast, *more):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--host", "127.0.0.1", "--port", "0",
             f"--load_fast={'true' if fast else 'false'}", "--reload_interval", "1", *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = []

    def __enter__(self):
        for line in self.process.stdout:
            self.output.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                self.url = found.group(0)
                return self
        sys.exit("the server didn't start: " + "".join(self.output))

    def __exit__(self, *_):
        self.process.terminate()
        try:
            rest, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rest, _ = self.process.communicate()
        self.output.append(rest)

    def complaints(self):
        return [line for line in self.output if "DataLoss" in line or "crc" in line.lower() or "Traceback" in line]

    def bytes(self, path, body=None, **query):
        url = f"{self.url}/data/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data else {}
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as reply:
            return reply.read()

    def json(self, path, body=None, **query):
        return json.loads(self.bytes(path, body, **query))

    def scalars(self, run, tag):
        return [(step, float(value)) for _, step, value in
                self.json("plugin/scalars/scalars", run=run, tag=tag)]


def wait_for(what, ask):
    until = time.monotonic() + LONGEST
    while True:
        with contextlib.suppress(urllib.error.HTTPError, KeyError):
            if ask():
                return
        if time.monotonic() > until:
            sys.exit(f"{what} didn't come")
        time.sleep(0.2)  # between two questions
