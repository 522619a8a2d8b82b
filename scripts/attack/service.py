"""The service under attack: the rehearsal site and `siaga run`, on free ports of the loopback."""

import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSWORD = "a long password of an officer"
OFFICERS = ("officer@siaga.example", "second@siaga.example")
OFFICE = "ngurah-rai"

# Often enough that an attack of some seconds meets many runs.
FLOW = """
name = "{name}"
every = "2s"
timeout = "10s"

[[step]]
name = "Home page"
component = "website"
visit = "/"
expect = {{ status = 200, text = "Perpanjang izin tinggal" }}
"""


def free_port():
    """A port below those that the kernel gives to the thousands of connections of an attack."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def until(what, ready, seconds=30):
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ended(process):
    """Ends a process and what it started; it has ten seconds to finish what is under way."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Service:
    """A context: started on entering, ended and removed on leaving.

    `descriptors`: hard limit of open files. `disk`: size of a file system of its own for the
    data folder, such as "64m"; that takes root. `settings`: TOML behind the configuration; `data`:
    lines of its table `[data]`.
    """

    def __init__(self, binary, descriptors=None, disk=None, settings="", data=""):
        self.binary = str(Path(binary).resolve())
        self.descriptors, self.disk, self.settings, self.more_data = descriptors, disk, settings, data

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="siaga-attack-"))
        self.processes, self.mounted = [], False
        try:
            self.start()
        except BaseException:
            for log in self.folder.glob("*.log"):
                print(f"{log.name}:\n{log.read_text()[-2000:]}", file=sys.stderr)
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            ended(process)
        if self.mounted:
            subprocess.run(["umount", self.data], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def data(self):
        return self.folder / "data"

    def start(self):
        site, control, self.port = free_port(), free_port(), free_port()
        flags = [f"--{name}=127.0.0.1:{port}" for name, port in
                 (("listen", site), ("control", control), ("smtp", free_port()), ("imap", free_port()))]
        self.spawn("rehearse", *flags, log="rehearse.log")
        until("the rehearsal site", lambda: listens(site))
        self.data.mkdir(mode=0o700)
        if self.disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.disk},mode=0700", "tmpfs", self.data], check=True)
            self.mounted = True
        probes = self.folder / "probes"
        probes.mkdir()
        for number in range(4):
            name = f"flow-{number}"
            (probes / f"{name}.toml").write_text(FLOW.format(name=name))
        self.config = self.folder / "siaga.toml"
        self.config.write_text(f"""
[server]
listen = "127.0.0.1:{self.port}"
public_url = "http://127.0.0.1:{self.port}"
trusted_proxies = ["127.0.0.1"]
[data]
folder = "{self.data}"
database = "sqlite:{self.data}/siaga.db"
{self.more_data}
[site]
name_id = "Izin Tinggal Online"
name_en = "Stay Permit Online"
url = "http://127.0.0.1:{site}"
probes = "{probes}"
[probe]
contact = "attack@siaga.example"
host_rate = 100.0
[control]
urls = ["http://127.0.0.1:{control}/generate_204"]
{self.settings}
""")
        limit = None
        if self.descriptors:
            def limit():
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))
        self.process = self.spawn("run", "--config", self.config, log="siaga.log", before=limit)
        until("siaga", lambda: listens(self.port))
        for email in OFFICERS:
            subprocess.run(
                [self.binary, "staff", "add", email, "--role", "officer", "--office", OFFICE,
                 "--password-stdin", "--config", self.config],
                input=PASSWORD.encode(), check=True, stdout=subprocess.DEVNULL, cwd=self.folder)
        until("the first observation", lambda: self.runs(0)[0] > 0)

    def spawn(self, *arguments, log, before=None):
        with open(self.folder / log, "wb") as out:
            process = subprocess.Popen(
                [self.binary, *arguments], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                cwd=self.folder, preexec_fn=before)
        self.processes.append(process)
        return process

    def runs(self, since):
        """Runs that began since then (seconds), and those among them that said nothing."""
        database = sqlite3.connect(f"file:{self.data}/siaga.db?mode=ro", uri=True, timeout=5)
        try:
            return database.execute(
                "SELECT COUNT(*), COALESCE(SUM(outcome = 'inconclusive'), 0) FROM runs WHERE started_at >= ?",
                (int(since * 1000),)).fetchone()
        finally:
            database.close()

    def website_state(self):
        """What the status page says of the component that the flows speak for."""
        status, _, said = Client(self.port).ask("GET", "/api/v1/status")
        if status != 200:
            return f"({status or 'no answer'})"
        return next(one["state"] for one in json.loads(said)["components"] if one["id"] == "website")

    def bytes_on_disk(self):
        return sum(file.stat().st_size for file in self.data.rglob("*") if file.is_file())

    def memory(self, key="VmHWM"):
        """The most memory that the service itself had, in MB."""
        return status_mb(self.process.pid, key)

    def memory_of_all(self):
        """What the service and the processes that it started have now, in MB."""
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task").glob("*/children")
            pids = [int(child) for list in children for child in list.read_text().split()]
        except OSError:
            pids = []
        return sum(status_mb(one, "VmRSS") for one in [pid, *pids])


def status_mb(pid, key):
    """A line of /proc/PID/status, in MB; 0 where the process has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return 0.0


class Client:
    """Requests over connections of their own. `seen`: the address that a trusted proxy tells of."""

    def __init__(self, port, seen=None, source="127.0.0.1", timeout=10):
        self.port, self.seen, self.source, self.timeout = port, seen, source, timeout
        self.cookies = {}

    def ask(self, method, path, body=None, headers=()):
        """Status, headers and body; status 0 where there was no answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=self.timeout, source_address=(self.source, 0))
        headers = dict(headers)
        if self.seen:
            headers["X-Forwarded-For"] = self.seen
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            for line in answer.headers.get_all("set-cookie") or ():
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, answer.headers, said
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            connection.close()

    def form(self, path, fields):
        body = "&".join(f"{name}={quoted(value)}" for name, value in fields.items())
        return self.ask("POST", path, body, {"content-type": "application/x-www-form-urlencoded"})

    def sign_in(self, email=OFFICERS[0], password=PASSWORD):
        return self.form("/office/sign-in", {"email": email, "password": password})[0] == 303

    def report(self, **changed):
        """Sends a report by JSON; status and what was answered."""
        status, _, said = self.ask(
            "POST", "/api/v1/reports", json.dumps(fields(**changed)),
            {"content-type": "application/json", "accept": "application/json"})
        return status, json.loads(said) if said.startswith(b"{") else {}


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


def day(days):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * 86400))


def fields(**changed):
    report = {
        "role": "holder", "name": "Zhang Wei", "nationality": "China",
        "passport_number": "E12345678", "permit_type": "itas", "permit_expires_on": day(10),
        "office": OFFICE, "email": "zhang@example.org", "component": "website",
        "tried_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)),
        "message": "500", "submitted": "no", "consent": True,
    }
    report.update(changed)
    return report


BOUNDARY = "siaga-attack-boundary"


def multipart(pictures, **changed):
    """A report with pictures, as a body and its headers."""
    body = bytearray()
    for name, value in fields(**changed).items():
        text = "yes" if value is True else value
        body += (f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"'
                 f"\r\n\r\n{text}\r\n").encode()
    for picture in pictures:
        body += (f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="screenshot"; filename="a.png"'
                 f"\r\ncontent-type: image/png\r\n\r\n").encode() + picture + b"\r\n"
    body += f"--{BOUNDARY}--\r\n".encode()
    return bytes(body), {"content-type": f"multipart/form-data; boundary={BOUNDARY}",
                         "accept": "application/json"}


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def hold_to_one_core():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
