#!/usr/bin/env python3
"""What MLflowLogger logs, as a real MLflow server gives it back: through its own client, with a server that is stopped, killed and
started again, and with one that answers as no server should.

usage: check_mlflow.py MLFLOW_RUNS_PROGRAM TORCHBOLT WORK_FOLDER [KILLS]
"""
import atexit, base64, collections, concurrent.futures, hashlib, http.server, json, math, os, pathlib, random, re, shutil, signal, socket, subprocess
import sys, threading, time, urllib.request

# The server's workers for jobs would outlive a server that is killed.
os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="1", GIT_PYTHON_REFRESH="quiet",
                  MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
import mlflow
from mlflow import MlflowClient

program, torchbolt, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
KILLS = int(sys.argv[4]) if len(sys.argv) > 4 else 5
CANARY = "c4n4ry-0f-th3-t3sts"
BUILTIN = {"mlflow.user", "mlflow.source.name", "mlflow.source.type", "mlflow.runName", "torchbolt.run"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if what():
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"waited {seconds} s in vain")


class Server:
    """`mlflow server` on sqlite, in a folder."""

    def __init__(self, name="server", *arguments, **env):
        self.folder, self.arguments, self.env = work / name, arguments, env
        self.folder.mkdir()
        self.port, self.log = free_port(), (self.folder / "log").open("w")
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{self.folder}/m.db", "--artifacts-destination", f"{self.folder}/art",
             *self.arguments],
            stdout=self.log, stderr=self.log, start_new_session=True, cwd=self.folder, env={**os.environ, **self.env})
        # A check that fails must not leave it behind.
        atexit.register(lambda it=self.process: it.poll() is None and os.killpg(it.pid, signal.SIGKILL))
        wait_until(lambda: urllib.request.urlopen(self.uri + "/health", timeout=1).status == 200)

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(30)


class Proxy:
    """Between a run and the server. `fault(path)` says what goes wrong with a request: None, a status, or one of "cut", "lost",
    "slow"."""

    def __init__(self, server, fault, retry_after=None):
        proxy = self
        self.seen, self.waited = collections.Counter(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                what = fault(self.path)
                proxy.seen[what] += 1
                proxy.waited.append((time.monotonic(), what))
                if isinstance(what, int):
                    return self.answer(what, b'{"error_code": "TEST", "message": "not now"}',
                                       {"Retry-After": str(retry_after)} if retry_after else {})
                if what == "slow":
                    time.sleep(3)
                given = {name: self.headers[name] for name in ("Content-Type", "Authorization") if self.headers[name]}
                if what == "login":  # a gateway: it knows the token, and the server its user
                    given["Authorization"] = {f"Bearer {CANARY}": login("alice", CANARY)}.get(self.headers["Authorization"], "")
                request = urllib.request.Request(server.uri + self.path, body or None, method=self.command, headers=given)
                try:
                    with urllib.request.urlopen(request, timeout=30) as reply:
                        status, content = reply.status, reply.read()
                except urllib.error.HTTPError as error:
                    status, content = error.code, error.read()
                if what == "lost":  # the server has done it, and nobody hears of it
                    self.close_connection = True
                    return self.connection.shutdown(socket.SHUT_RDWR)
                if what == "cut":
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content) + 10))
                    self.end_headers()
                    self.wfile.write(content[:len(content) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    return self.connection.shutdown(socket.SHUT_RDWR)
                self.answer(status, content)

            do_GET = do_POST = do_PUT = forward

            def answer(self, status, content, headers={}):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), "Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def login(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def environment(uri, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    return {**env, **({"MLFLOW_TRACKING_URI": uri} if uri else {}), "OMP_NUM_THREADS": "1", **more}


class Run:
    """The program, beside us."""

    def __init__(self, uri, *arguments, **env):
        self.begun = time.monotonic()
        self.process = subprocess.Popen([program, *map(str, arguments)], env=environment(uri, **env), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.errors, self.has_begun = [], threading.Event()
        self.reader = threading.Thread(target=self.read_errors)
        self.reader.start()

    def read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)
            if line.startswith(("begun", "flushed")):
                self.has_begun.set()

    def end(self, timeout=200):
        out = self.process.stdout.read()
        assert self.process.wait(timeout) == 0, "".join(self.errors)
        self.reader.join()
        self.text = "".join(self.errors)
        assert CANARY not in out + self.text
        return json.loads(out.splitlines()[-1])


def run(uri, *arguments, **env):
    it = Run(uri, *arguments, **env)
    return it.end(), it.text


def sync(*arguments, uri=None, code=0, **env):
    done = subprocess.run([torchbolt, "mlflow", "sync", *map(str, arguments)], env=environment(uri, **env), text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def run_of(said):
    return re.search(r"/experiments/\d+/runs/(\w+)", said)[1]


def points(run_id, key):
    return [(m.step, m.value) for m in sorted(client.get_metric_history(run_id, key), key=lambda m: (m.step, m.timestamp))]


def check_steps(run_id, count, status="FINISHED"):
    """All that `steps` logs, once."""
    found = client.get_run(run_id)
    assert found.info.status == status, found.info.status
    assert found.data.params == {"count": str(count)}
    for k in range(10):
        got = points(run_id, f"m{k}")
        assert got == [(s, s + 0.1 * k) for s in range(count)], (k, len(got), got[:3])


def artifacts(run_id, path=None):
    for entry in client.list_artifacts(run_id, path):
        if entry.is_dir:
            yield from artifacts(run_id, entry.path)
        else:
            yield entry.path


def content(run_id, path):
    return pathlib.Path(client.download_artifacts(run_id, path, str(work))).read_bytes()


def check_training(done):
    run_id = done["run_id"]
    found = client.get_run(run_id)
    assert found.info.status == "FINISHED" and found.info.end_time >= found.info.start_time
    assert found.data.params == {"lr": "0.1", "net/width": "3", "net/bias": "True", "note": 'a "b" ü'}, found.data.params
    assert found.data.tags["team"] == "tests" and BUILTIN <= found.data.tags.keys(), found.data.tags
    losses = points(run_id, "loss")
    assert [s for s, _ in losses] == list(range(12)), losses
    assert points(run_id, "val_loss")[-1] == (11, done["val_loss"])
    assert points(run_id, "test_loss")[-1][1] == done["test_loss"]
    assert [v for _, v in points(run_id, "epoch")].count(2.0) >= 4
    best = pathlib.Path(done["best"])
    stored = content(run_id, f"{best.stem}/{best.name}")
    assert hashlib.sha256(stored).digest() == hashlib.sha256(best.read_bytes()).digest()
    assert "'best'" in content(run_id, f"{best.stem}/aliases.txt").decode()
    assert b"val_loss" in content(run_id, f"{best.stem}/metadata.yaml")
    assert "'latest'" in content(run_id, "last/aliases.txt").decode()
    names = list(artifacts(run_id))
    pictures = [n for n in names if n.startswith("images/pictures~ramp+step+") and n.endswith(".png")]
    assert len(pictures) == 3 and content(run_id, pictures[0])[:4] == b"\x89PNG", names
    assert len([n for n in names if n.endswith("+compressed.webp")]) == 3
    assert found.data.tags["mlflow.loggedImages"] == "True"
    assert content(run_id, "texts/words/step_4.md") == b"**bold**"
    assert content(run_id, "figures/plot/step_4.svg") == b"<svg/>"
    table = client.load_table(found.info.experiment_id, "tables/scores/step_4.json", [run_id])
    assert list(table["s"]) == ["a", "b"] and list(table["n"]) == [0, 1]
    assert not list(pathlib.Path(done["folder"]).glob("mlflow_files/*")), "copies stay after the upload"


def check(title):
    def decorate(function):
        begun = time.monotonic()
        function()
        print(f"{title}: {time.monotonic() - begun:.1f} s", flush=True)
    return decorate


server = Server()
server.start()
mlflow.set_tracking_uri(server.uri)
client = MlflowClient()


@check("a training, live")
def _():
    done, text = run(server.uri, "train", work / "live")
    check_training(done)
    assert f"/runs/{done['run_id']}" in text and "histograms" in text, text
    child, _ = run(server.uri, "child", work / "child", done["run_id"])
    found = client.get_run(child["run_id"])
    assert found.info.status == "FAILED" and found.info.run_name == "child"
    assert found.data.tags["mlflow.parentRunId"] == done["run_id"] and found.data.tags["colour"] == "blue"
    again, _ = run(server.uri, "steps", work / "attached", 3, 1, 30, MLFLOW_RUN_ID=child["run_id"])
    assert again["run_id"] == child["run_id"]
    check_steps(child["run_id"], 3)


@check("a training without a server, sent later, and again")
def _():
    done, text = run(None, "train", work / "later")
    command = f"torchbolt mlflow sync {done['folder']}"
    assert command + " --tracking-uri URI" in text and done["run_id"] == "", text
    sync(done["folder"], "--tracking-uri", f"http://user:{CANARY}@127.0.0.1:1", code=1)
    said = sync(done["folder"], "--tracking-uri", server.uri)
    done["run_id"] = run_of(said)
    check_training(done)
    said = sync(work / "later", uri=server.uri)
    assert ": 0 metrics, 0 params, 0 artifacts" in said and done["run_id"] in said, said
    # What the folder knows is lost: all is sent again, to the same run, and nothing is there twice.
    (pathlib.Path(done["folder"]) / "mlflow_sent.json").write_text("{")
    again = sync(done["folder"], uri=server.uri)
    assert ": 0 metrics" not in again and run_of(again) == done["run_id"], again
    alias = sync(done["folder"], "--tracking-uri", server.uri.replace("127.0.0.1", "localhost"))
    assert run_of(alias) == done["run_id"], alias
    assert len(points(done["run_id"], "loss")) == 12


@check("a run that goes on from a checkpoint")
def _():
    first, _ = run(server.uri, "stop", work / "stop")
    assert client.get_run(first["run_id"]).info.status == "FAILED"
    second, _ = run(server.uri, "resume", work / "stop", first["last"])
    assert second["run_id"] == first["run_id"] and second["folder"] == first["folder"]
    assert client.get_run(first["run_id"]).info.status == "FINISHED"
    losses = points(first["run_id"], "loss")
    assert [s for s, _ in losses] == list(range(12)), losses


@check("more, longer and stranger than the server takes")
def _():
    done, text = run(server.uri, "limits", work / "limits")
    found = client.get_run(done["run_id"]).data
    assert len(found.params) == 303 and len(found.params["long"]) == 6000
    assert [k for k, v in found.params.items() if v == "key"][0].startswith("k" * 200)
    assert found.params["bad"] == "\ufffd"
    metrics = found.metrics
    assert sum(k.startswith("metric_") for k in metrics) == 5000 and metrics["metric_4999"] == 4999
    assert (metrics["a:b"], metrics["cd"], metrics["e/f"], metrics["g/h"], metrics["größe/損失"]) == (1, 2, 3, 4, 5)
    assert math.isnan(metrics["nan"]) and metrics["inf"] > 1e308 and metrics["ninf"] < -1e308
    assert metrics["tiny"] == 5e-324 and metrics["exact"] == 0.1 + 0.2
    assert len(metrics) == 5011 and 6 in metrics.values(), len(metrics)
    for name in ("c@d", "e//f", "/g/../h/"):
        assert text.count(f'no name like "{name}"') == 1, text
    assert text.count("is cut to 6000") == 1, text
    assert found.params["param_0"] == "0" and found.tags["param.param_0"] == "another"
    assert text.count("has another value") == 1, text
    names = set(artifacts(done["run_id"]))
    for name in done["files"]:
        path = "strange/files/" + re.sub(r"[#%?\t]", "_", name)
        assert path in names and content(done["run_id"], path).decode() == name, (name, names)
    assert not (pathlib.Path(done["folder"]) / "mlflow_rejected.jsonl").exists()


@check("an experiment that several make at once")
def _():
    runs = [Run(server.uri, "steps", work / f"race{k}", 2, 1, 30, MLFLOW_EXPERIMENT_NAME="") for k in range(3)]
    ids = {client.get_run(r.end()["run_id"]).info.experiment_id for r in runs}
    assert len(ids) == 1, ids


def steps_through(fault, count=60, retry_after=None, wait=60):
    proxy = Proxy(server, fault, retry_after)
    folder = work / f"steps{proxy.http.server_port}"
    done, text = run(proxy.uri, "steps", folder, count, 5, wait)
    proxy.http.shutdown()
    check_steps(done["run_id"], count)
    assert done["p99_us"] < 20000, done
    return proxy, text


def times(fault, many, only="log-batch"):
    left = collections.Counter({only: many})

    def decide(path):
        if only in path and left[only] > 0:
            left[only] -= 1
            return fault
    return decide


@check("429 with Retry-After, 503, 500, a cut reply, a lost one, a slow one")
def _():
    # The last two: the run is made, and nobody hears of it.
    faults = [(429, 1, "log-batch"), (503, 2, "log-batch"), (500, 1, "log-batch"), ("cut", 2, "log-batch"), ("lost", 2, "log-batch"),
              ("slow", 1, "log-batch"), ("lost", 1, "runs/create"), ("cut", 1, "runs/create")]
    with concurrent.futures.ThreadPoolExecutor(len(faults)) as pool:
        done = list(pool.map(lambda f: steps_through(times(*f), retry_after=2 if f[0] == 429 else None), faults))
    for (fault, many, _), (proxy, text) in zip(faults, done):
        assert proxy.seen[fault] == many, (fault, proxy.seen)
        if fault not in ("slow", "lost"):  # on a connection of before, curl itself sends a lost one again
            assert text.count("is sent later") == text.count("answers again") == 1, (fault, text)
    limited = done[0][0].waited
    when = [t for t, w in limited if w == 429][0]
    assert [t for t, w in limited if t > when][0] - when >= 2
    runs = client.search_runs([client.get_experiment_by_name("steps").experiment_id])
    assert all(r.data.params for r in runs), "a run was made twice"


@check("a wrong password")
def _():
    proxy = Proxy(server, lambda path: 401)
    for env in ({"MLFLOW_TRACKING_TOKEN": CANARY}, {"MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": CANARY}):
        done, text = run(proxy.uri, "steps", work / "wrong", 5, 1, 30, **env)
        assert "MLFLOW_TRACKING_TOKEN" in text and f"torchbolt mlflow sync {done['folder']}" in text, text
    sync(work / "wrong", "--tracking-uri", server.uri)
    for folder in (work / "wrong").rglob("mlflow_sent.json"):
        check_steps(json.loads(folder.read_text())["servers"][server.uri]["run_id"], 5)


@check("a run that was deleted")
def _():
    first, _ = run(server.uri, "steps", work / "deleted", 3, 1, 30)
    client.delete_run(first["run_id"])
    second, text = run(server.uri, "steps", work / "deleted2", 3, 1, 30, MLFLOW_RUN_ID=first["run_id"])
    assert text.count("Nothing more is sent") == 1, text
    assert f"mlflow runs restore --run-id {first['run_id']}" in sync(second["folder"], code=1)
    client.restore_run(first["run_id"])
    assert run_of(sync(second["folder"])) == first["run_id"]
    _, text = run(server.uri, "steps", work / "deleted3", 3, 1, 30, MLFLOW_RUN_ID="0" * 32)
    assert text.count(f"no run {'0' * 32} there") == 2, text


@check("runs that are killed")
def _():
    def killed(k):
        it = Run(None, "flushes", work / f"killed{k}")
        assert it.has_begun.wait(30)
        time.sleep(random.uniform(0, 0.3))
        it.process.kill()
        it.process.wait(30)
        it.reader.join()
        return max(int(line.split()[1]) for line in it.errors if line.startswith("flushed") and line.endswith("\n"))

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        flushed = list(pool.map(killed, range(KILLS)))
    for k, least in enumerate(flushed):
        said = sync(work / f"killed{k}", "--tracking-uri", server.uri)
        run_id = run_of(said)
        assert client.get_run(run_id).info.status == "KILLED"
        got = points(run_id, "m")
        assert [s for s, _ in got] == list(range(len(got))) and len(got) >= least, (len(got), least)


@check("a server that is stopped, killed, away when a run ends, and started again")
def _():
    it = Run(server.uri, "steps", work / "stopped", 1500, 5, 150, MLFLOW_HTTP_REQUEST_TIMEOUT="2")
    assert it.has_begun.wait(30)
    time.sleep(1)
    server.signal(signal.SIGSTOP)
    time.sleep(4)
    server.signal(signal.SIGCONT)
    time.sleep(1)
    server.kill()
    away, text = run(server.uri, "steps", work / "away", 20, 1, 1)
    assert f"torchbolt mlflow sync {away['folder']}" in text, text
    sync(away["folder"], "--timeout", 1, code=1)
    server.start()
    done = it.end()
    check_steps(done["run_id"], 1500)
    assert done["p99_us"] < 20000, done
    check_steps(run_of(sync(away["folder"])), 20)


server.kill()


@check("a server with users")
def _():
    global client
    config = work / "auth.ini"
    config.write_text("[mlflow]\ndefault_permission = READ\n"
                      f"database_uri = sqlite:///{work}/users.db\nadmin_username = admin\nadmin_password = first-pass-word\n"
                      "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n")
    auth = Server("auth", "--app-name", "basic-auth", MLFLOW_AUTH_CONFIG_PATH=str(config), MLFLOW_FLASK_SERVER_SECRET_KEY="k")
    auth.start()
    admin = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "first-pass-word"}
    alice = {"MLFLOW_TRACKING_USERNAME": "alice", "MLFLOW_TRACKING_PASSWORD": CANARY}
    bob = {**alice, "MLFLOW_TRACKING_USERNAME": "bob"}
    for user in ("alice", "bob"):
        request = urllib.request.Request(
            auth.uri + "/api/2.0/mlflow/users/create", json.dumps({"username": user, "password": CANARY}).encode(),
            {"Authorization": login("admin", "first-pass-word"), "Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()
    os.environ.update(admin)
    client, before = MlflowClient(auth.uri), client

    # Name and password, each way; and a token, which a gateway knows.
    first, _ = run(auth.uri, "steps", work / "alice", 5, 1, 30, **alice)
    check_steps(first["run_id"], 5)
    address = auth.uri.replace("//", f"//alice:{CANARY}@")
    second, _ = run(address, "steps", work / "alice2", 5, 1, 30)
    check_steps(second["run_id"], 5)
    gateway = Proxy(auth, lambda path: "login")
    third, _ = run(gateway.uri, "steps", work / "alice3", 5, 1, 30, MLFLOW_TRACKING_TOKEN=CANARY)
    check_steps(third["run_id"], 5)
    # Each request costs this server the checking of a password, so that little is asked.
    trained, _ = run(auth.uri, "train", work / "alice4", **alice)
    assert client.get_run(trained["run_id"]).info.status == "FINISHED"
    assert content(trained["run_id"], "texts/words/step_4.md") == b"**bold**"

    # Nobody, the wrong ones, and Bob, who may only read what is Alice's: one message, and all is there for later.
    wrong = [({}, "(401)"), ({**alice, "MLFLOW_TRACKING_PASSWORD": CANARY + "2"}, "(401)"),
             ({"MLFLOW_TRACKING_TOKEN": CANARY}, "(401)"), (bob, "(403")]
    for k, (env, what) in enumerate(wrong):
        done, text = run(auth.uri, "steps", work / f"refused{k}", 5, 1, 30, **env)
        assert text.count("Nothing more is sent") == 1 and text.count("hasn't got all of the run") == 1, text
        assert what in text and "MLFLOW_TRACKING_PASSWORD" in text and done["run_id"] == "", text
        said = sync(done["folder"], code=1, **env)
        assert what in said and CANARY not in said, said
        check_steps(run_of(sync(done["folder"], **alice)), 5)
    client = before
    for name in admin:
        del os.environ[name]
    auth.kill()
    # What a server keeps of its users is its own.
    shutil.rmtree(work / "auth")
    (work / "users.db").unlink()


for path in work.rglob("*"):
    if path.is_file() and CANARY.encode() in path.read_bytes():
        sys.exit(f"{path} holds a secret")
print("mlflow checked")
