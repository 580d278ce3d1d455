#!/usr/bin/env python3
"""Secrets of trackers are told to their servers alone: trainings with every logger, with a secret in each place where one may
come from. None stands in a file that is written, in a line that is printed, or among the arguments of a process.

usage: check_secrets.py SECRETS_RUN_PROGRAM TORCHBOLT WORK_FOLDER
"""
import base64, http.server, json, os, pathlib, shutil, subprocess, sys, threading, time

import wandb_server

program, torchbolt, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
CANARY = "c4n4ry"
KEY = CANARY + "0123456789" * 4
DEADLINE = 120


class MLflow:
    """As much of a server as takes a run, or answers all with one status."""

    def __init__(self, status=200):
        server = self
        self.credentials, self.paths = set(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.credentials.add(self.headers.get("Authorization"))
                server.paths.append(self.path)
                body = b"{}"
                if "experiments/get-by-name" in self.path:
                    body = b'{"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}}'
                if "runs/create" in self.path:
                    body = json.dumps({"run": {"info": {"run_id": "r", "experiment_id": "1", "lifecycle_stage": "active",
                                                        "artifact_uri": "mlflow-artifacts:/1/r"}}}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/login")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def children(pid):
    """What /proc tells of the processes below one: their arguments."""
    found, known = [], {pid}
    parents = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = pathlib.Path(entry.path, "stat").read_text()
                parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
            except OSError:
                pass
    while True:
        more = {child for child, parent in parents.items() if parent in known} - known
        if not more:
            return found
        known |= more
        for child in more:
            try:
                found.append(pathlib.Path(f"/proc/{child}/cmdline").read_bytes())
            except OSError:
                pass


def run(command, folder, env):
    """What it prints. Its children's arguments are looked at for as long as it runs."""
    with open(folder / "out", "w+") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, cwd=folder)
        seen, end = set(), time.monotonic() + DEADLINE
        while process.poll() is None and time.monotonic() < end:
            seen.update(children(process.pid))
        process.wait(1)
    told = (folder / "out").read_text()
    # Between fork and exec a child has its parent's.
    seen.discard(b"".join(os.fsencode(word) + b"\0" for word in command))
    for arguments in seen:
        assert CANARY.encode() not in arguments, arguments
    return process.returncode, told, seen


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def check(name, place, credentials, status=200, home={}, arguments=(), **env):
    """A training, and a sync of what it left. `place` makes the tracking URI of the server's address; `credentials` is what
    the server has to see."""
    folder = work / name
    own_home, out = folder / "home", folder / "out"
    out.mkdir(parents=True)
    mlflow, wandb = MLflow(status), wandb_server.Server()
    given = set()
    for path, text in home.items():
        given.add(own_home / path)
        (own_home / path).parent.mkdir(parents=True, exist_ok=True)
        (own_home / path).write_text(text.replace("HOST", wandb.url.removeprefix("http://")))
        (own_home / path).chmod(0o600)
    own_home.mkdir(exist_ok=True)
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "MLFLOW_"))} | {
        "HOME": str(own_home), "OMP_NUM_THREADS": "1", "WANDB_ERROR_REPORTING": "false", "WANDB_BASE_URL": wandb.url,
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "MLFLOW_TRACKING_URI": place(mlflow.place),
        # Nobody asks for these, and so nobody may note them.
        "AWS_SECRET_ACCESS_KEY": CANARY + "aws", "HTTPS_PROXY": f"http://u:{CANARY}proxy@127.0.0.1:1"} | env
    code, told, seen = run([program, "run", *arguments], out, variables)
    assert code == 0, told
    assert any(b"sync" in arguments for arguments in seen), (seen, told)  # W&B's tool was there to be looked at
    assert credentials in mlflow.credentials and None not in mlflow.credentials, (mlflow.credentials, told)
    assert wandb.credentials == {basic("api", KEY)}, (wandb.credentials, told)
    runs = [path.parent for path in out.rglob("mlflow.jsonl")]
    assert len(runs) == 1, runs
    code, sent, _ = run([torchbolt, "mlflow", "sync", str(runs[0]), "--timeout", "1"], out, variables)
    assert code == (0 if status == 200 else 1), sent
    for text in (told, sent):
        assert CANARY not in text, text
    if status == 200:
        assert any("runs/update" in p for p in mlflow.paths) and any("/artifacts/1/r/" in p for p in mlflow.paths), mlflow.paths
    else:
        assert "torchbolt mlflow sync" in told, told
    for path in folder.rglob("*"):
        secrets = (CANARY.encode(), base64.b64encode(CANARY.encode())[:-1], base64.b64encode(b"api:" + KEY.encode()))
        if path.is_file() and path not in given:
            data = path.read_bytes() + os.fsencode(path.name)
            assert not any(secret in data for secret in secrets), path
    kinds = {path.suffix for path in out.rglob("*")}
    assert {".csv", ".jsonl", ".wandb", ".ckpt", ".yaml"} <= kinds and list(out.rglob("events.out.tfevents*")), kinds
    mlflow.http.shutdown()
    wandb.close()
    print(f"{name}: nobody else knows", flush=True)


plain = "http://{}".format
netrc = {".netrc": f"machine HOST\n  login user\n  password {KEY}\n"}
check("files", plain, basic("me", CANARY + "pass"),
      home=netrc | {".mlflow/credentials": f"[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = {CANARY}pass\n"})
check("arguments", plain, f"Bearer {CANARY}token", MLFLOW_TRACKING_TOKEN=CANARY + "token", WANDB_API_KEY=KEY,
      arguments=(f"--api-key={CANARY}flag", "--password", CANARY + "word", f"http://u:{CANARY}user@host/"))
check("password", plain, basic("me", CANARY + "pass"), MLFLOW_TRACKING_USERNAME="me", MLFLOW_TRACKING_PASSWORD=CANARY + "pass",
      WANDB_API_KEY=KEY)
for status in (200, 403):
    check(f"address_{status}", f"http://me:{CANARY}%2Fpass@{{}}/".format, basic("me", CANARY + "/pass"), status, WANDB_API_KEY=KEY)
for status in (200, 401, 302):
    check(f"token_{status}", plain, f"Bearer {CANARY}token", status, MLFLOW_TRACKING_TOKEN=CANARY + "token", WANDB_API_KEY=KEY)
print("secrets checked")
