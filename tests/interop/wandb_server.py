"""A server on the loopback that takes what W&B's uploader sends, and keeps it."""
import gzip, http.server, json, threading, urllib.parse


class Server:
    def __init__(self):
        self.runs = []  # the variables of each UpsertBucket
        self.history, self.events, self.summary, self.output = {}, [], {}, {}  # line number → line
        self.exit, self.files, self.artifacts, self.unknown = None, {}, {}, []
        self.credentials, self.lock = set(), threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def body(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                return gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw

            def answer(self, value, code=200):
                raw = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def do_POST(self):
                data = self.body()
                with server.lock:
                    server.credentials.add(self.headers.get("Authorization"))
                    if self.path == "/graphql":
                        self.answer(server.graphql(json.loads(data)))
                    elif self.path.endswith("/file_stream"):
                        server.stream(json.loads(data) if data else {})
                        self.answer({"exitcode": None, "limits": {}})
                    else:
                        server.unknown.append(self.path)
                        self.answer({}, 404)

            def do_PUT(self):
                data = self.body()
                with server.lock:
                    server.files[urllib.parse.unquote(self.path.removeprefix("/upload/"))] = data
                self.answer({})

            def do_GET(self):
                with server.lock:
                    server.unknown.append(self.path)
                self.answer({}, 404)

        class Loopback(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that went away

        self.http = Loopback(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def graphql(self, request):
        query, v = request["query"], request.get("variables") or {}
        name = query.replace("query", "mutation").split("mutation", 1)[1].replace("(", " ").replace("{", " ").split()[0]
        if name == "ServerFeaturesQuery":
            return {"data": {"serverInfo": {"features": [{"name": "FILESTREAM_GZIP", "isEnabled": True}]}}}
        if name == "UpsertBucket":
            self.runs.append(v)
            project = {"id": "UA==", "name": v["project"], "entity": {"id": "RQ==", "name": "me"}}
            return {"data": {"upsertBucket": {"bucket": {
                "id": "Qg==", "name": v["name"], "displayName": v.get("displayName") or "made-up-1", "description": "",
                "config": v.get("config"), "sweepName": None, "project": project, "historyLineCount": len(self.history)}, "inserted": True}}}
        if name == "CreateRunFiles":
            return {"data": {"createRunFiles": {"runID": "Qg==", "uploadHeaders": [], "files": [
                {"name": f, "uploadUrl": f"{self.url}/upload/{urllib.parse.quote(f)}"} for f in v["files"]]}}}
        if name in ("Viewer", "ViewerSettings"):
            return {"data": {"viewer": {"id": "Vg==", "entity": "me", "username": "me", "flags": "{}",
                                        "teams": {"edges": []}}}}
        if name == "RunStoppedStatus":
            return {"data": {"project": {"run": {"stopped": False}}}}
        if name == "CreateArtifact":
            made = v.get("input", v)
            key = f"A{len(self.artifacts)}"
            self.artifacts[key] = made
            return {"data": {"createArtifact": {"artifact": {
                "id": key, "state": "PENDING", "artifactSequence": {"id": "S", "latestArtifact": None}}}}}
        if name == "CreateArtifactManifest":
            path = f"manifest-{v.get('artifactID') or v.get('input', {}).get('artifactID')}.json"
            return {"data": {"createArtifactManifest": {"artifactManifest": {"id": "M", "file": {
                "id": "F", "name": path, "displayName": path, "uploadUrl": f"{self.url}/upload/{path}",
                "uploadHeaders": []}}}}}
        if name == "UpdateArtifactManifest":
            path = f"manifest-{v['artifactID']}.json"
            return {"data": {"updateArtifactManifest": {"artifactManifest": {"id": "M", "file": {
                "id": "F", "name": path, "displayName": path, "uploadUrl": f"{self.url}/upload/{path}",
                "uploadHeaders": []}}}}}
        if name == "CreateArtifactFiles":
            specs = v.get("artifactFiles") or v.get("input", {}).get("artifactFiles")
            return {"data": {"createArtifactFiles": {"files": {"edges": [{"node": {
                "id": "N", "name": f["name"], "displayName": f["name"], "storagePath": f"{f['artifactID']}/{f['name']}",
                "uploadUrl": f"{self.url}/upload/artifact/{f['artifactID']}/{urllib.parse.quote(f['name'])}",
                "uploadHeaders": [], "uploadMultipartUrls": None, "artifact": {"id": f["artifactID"]}}} for f in specs]}}}}
        if name == "CommitArtifact":
            key = v.get("artifactID") or v.get("input", {}).get("artifactID")
            self.artifacts[key]["committed"] = True
            return {"data": {"commitArtifact": {"artifact": {"id": key, "digest": self.artifacts[key].get("digest")}}}}
        self.unknown.append((name, query[:2000], v))
        return {"data": {}}

    def stream(self, part):
        into = {"wandb-history.jsonl": self.history, "output.log": self.output, "wandb-summary.json": self.summary}
        for name, chunk in (part.get("files") or {}).items():
            for k, line in enumerate(chunk["content"]):
                if name in into:
                    into[name][chunk["offset"] + k] = line
        if part.get("complete"):
            self.exit = part.get("exitcode")
