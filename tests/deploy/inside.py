"""Run one component as its pod would run it, and say in JSON what came of it.

Run by `unshare --net --mount`: the network is a private one with an API server in it, the file
system is read-only but for what the pod mounts, and the rights are those of the container.
"""

import json
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

ACCOUNT = Path("/run/secrets/kubernetes.io/serviceaccount")
LEDGER = Path("/var/lib/proclaim")
SECONDS = 30.0


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def furnish(described):
    """The network, the file system and the account of the pod."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "router")
    run("ip", "link", "set", "router", "up")
    run("ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    for folder in ("/run", "/var/lib"):
        run("mount", "-t", "tmpfs", "tmpfs", folder)
    ACCOUNT.mkdir(parents=True)
    (ACCOUNT / "token").write_text(described["token"], encoding="utf-8")
    (ACCOUNT / "namespace").write_text("metallb-system", encoding="utf-8")
    LEDGER.mkdir()
    os.chown(LEDGER, described["user"], described["user"])


def serve(described):
    """Start the API server; the process and what it is asked at."""
    folder = Path(described["folder"])
    command = [sys.executable, "-m", "apiserver", "--listen", "127.0.0.1:6443"]
    command += ["--tls-dir", str(folder), "--token", described["token"]]
    command += ["--load", described["objects"]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    (ACCOUNT / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
    return process


def start(described):
    """Start the component with the rights, the arguments and the variables of its container."""
    user = described["user"]
    rights = ",".join(["-all", *(f"+{each.lower()}" for each in described["capabilities"])])
    command = ["setpriv", "--no-new-privs", "--bounding-set", rights, "--inh-caps", "-all"]
    command += [f"--reuid={user}", f"--regid={user}", "--clear-groups", described["program"]]
    environment = {
        **described["environment"],
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "PATH": os.environ["PATH"],
    }
    run("mount", "-o", "remount,bind,ro", "/")
    with Path("/run/log").open("w", encoding="utf-8") as log:
        return subprocess.Popen([*command, *described["arguments"]], env=environment, stderr=log)


def fetch(url):
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    token = (ACCOUNT / "token").read_text("utf-8")
    asked = Request(url, headers={"Authorization": f"Bearer {token}"})
    return urlopen(asked, context=context if url.startswith("https") else None, timeout=5).read()


def answers(url):
    try:
        fetch(url)
    except (OSError, URLError):
        return False
    return True


def wait(process, condition):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        if condition():
            return True
        time.sleep(0.05)
    return False


def requests():
    return json.loads(fetch("https://127.0.0.1:6443/emulator/requests"))


def main():
    described = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    furnish(described)
    server = serve(described)
    process = start(described)
    said = {}
    try:
        said["ready"] = wait(process, lambda: answers("http://127.0.0.1:17472/readyz"))
        said["alive"] = answers("http://127.0.0.1:17472/healthz")
        said["metrics"] = answers("http://127.0.0.1:9120/metrics")
        last = described["last"]
        said["written"] = wait(process, lambda: last in [each[1:3] for each in requests()])
        said["requests"] = requests()
        process.terminate()
        said["ended"] = process.wait(timeout=10)
    finally:
        process.kill()
        server.terminate()
        server.wait()
    said["log"] = Path("/run/log").read_text("utf-8")
    json.dump(said, sys.stdout)


main()
