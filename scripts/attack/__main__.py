"""Attacks Siaga as strangers can, on this machine only, and tells what the others met meanwhile.

    python3 scripts/attack PROGRAM [--seconds N] [--only NAME,…]

An applicant who reports, an officer at work, a reader of the public page and the probes go about
their business while an attacker, held to one core, tries one thing after the other. What nobody
else may notice: no report refused, the office under a second, no probe run lost, GET / within
twice its quiet time or 20 ms. Exit 1 where something did not hold.
"""

import argparse
import json
import os
import random
import string
import sys
import threading
import time

from bystanders import HEADER, Bystanders
from holding import anywhere, flood, from_one_core, guess, hold, leaving_early
from pictures import png
from service import OFFICERS, Client, Service, day, multipart, raise_descriptors

MEGABYTE = 1_000_000
# What all pictures that are drawn at one time may take together.
PICTURES_MB = 940


def post(path, length, more=""):
    return (f"POST {path} HTTP/1.1\r\nhost: siaga\r\ncontent-length: {length}\r\n"
            f"content-type: multipart/form-data; boundary=x\r\n{more}\r\n").encode()


# What is tried: a name, and a function of the service and the seconds that gives an attack to run
# in another process. What it gives back besides is told below the table.

def announced(service, seconds):
    """1. Bodies that are announced and do not come."""
    lengths = (20, 20, 10)
    return hold, service.port, seconds, 3, lambda n: post("/report", lengths[n % 3] * MEGABYTE)


def announced_by_many(service, seconds):
    """1. The same over 300 connections, which send 6 KB a second."""
    return hold, service.port, seconds, 300, post("/api/v1/reports", 12 * MEGABYTE), "127.0.66.1", bytes(6000)


def unfinished_sign_ins(service, seconds):
    """2. Sign-ins that stop in the middle of their body."""
    head = (b"POST /office/sign-in HTTP/1.1\r\nhost: siaga\r\ncontent-length: 400\r\n"
            b"content-type: application/x-www-form-urlencoded\r\n\r\nemail=a")
    return hold, service.port, seconds, 512, head


def larger_than_taken(service, seconds):
    """2. Bodies over every limit, a byte a second."""
    return hold, service.port, seconds, 512, post("/report", 200 * MEGABYTE), "127.0.66.1", b"-"


def idle(service, seconds):
    """2. Connections that send nothing, more than there are places."""
    return hold, service.port, seconds, 12_000, b""


def from_twenty(service, seconds):
    """2. The same from twenty networks."""
    return hold, service.port, seconds, 12_000, b"", lambda n: f"127.66.{n % 20}.1"


def many_parts(service, seconds):
    """4. 100,000 parts of names that no field has."""
    part = '--x\r\ncontent-disposition: form-data; name="{}"; filename="a"\r\n\r\n\r\n'
    letters = string.ascii_lowercase
    parts = (part.format("".join(random.choices(letters, k=8))) for _ in range(100_000))
    body = ("".join(parts) + "--x--\r\n").encode()
    headers = {"content-type": "multipart/form-data; boundary=x"}
    return flood, seconds, 4, lambda n: Client(service.port, seen="198.18.1.1", timeout=60).ask(
        "POST", "/api/v1/reports", body, headers)


def guessing(service, seconds):
    """6. Passwords guessed from ever new networks."""
    return flood, seconds, 16, lambda n: guess(service.port, OFFICERS[0], n)


def guessing_and_leaving(service, seconds):
    """6. The same, without waiting for the answer."""
    body = b"email=officer%40siaga.example&password=not+the+password"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return flood, seconds, 16, lambda n: leaving_early(
        service.port, anywhere(n), "/office/sign-in", body, headers)


def filling(service, seconds):
    """7. Pictures from one address, as fast as they are taken."""
    body, headers = multipart([noise() for _ in range(3)], passport_number="X1234567")
    return flood, seconds, 4, lambda n: Client(service.port, seen="198.18.1.1", timeout=60).ask(
        "POST", "/api/v1/reports", body, headers)


def noise():
    """A picture of some MB: noise behind the end of a small one counts as its bytes."""
    return png(64, 64) + os.urandom(3 * MEGABYTE)


ON_ONE_SERVICE = [announced, announced_by_many, unfinished_sign_ins, larger_than_taken, idle, from_twenty,
                  many_parts, guessing, guessing_and_leaving, filling]


def title(attack):
    return attack.__doc__.partition("\n")[0]


class Table:
    """Prints a line an attack, and keeps what did not hold."""

    def __init__(self):
        self.failed = []

    def line(self, name, met, quiet=None, notes=()):
        print(f"{name[:29]:29}  {met.line()}", flush=True)
        shortfalls = met.shortfalls(quiet) if quiet else []
        for words in shortfalls:
            print(f"    NOT HELD: {words}", flush=True)
        for words in notes:
            print(f"    {words}", flush=True)
        self.failed += [f"{name}: {words}" for words in shortfalls]

    def check(self, name, holds, words):
        print(f"{name[:29]:29}  {'held: ' if holds else 'NOT HELD: '}{words}", flush=True)
        if not holds:
            self.failed.append(f"{name}: {words}")


def under(service, bystanders, attack, seconds):
    """What the bystanders meet while the attack goes on, from a second after its begin."""
    attacker = from_one_core(*attack(service, seconds + 1))
    time.sleep(1)
    met, _ = bystanders.watch(seconds)
    attacker.join(60)
    if attacker.is_alive():
        attacker.kill()
    return met


def quiet_and_under(binary, table, attacks, seconds, **how):
    with Service(binary, **how) as service:
        bystanders = Bystanders(service)
        quiet, _ = bystanders.watch(seconds)
        table.line("nothing", quiet)
        for attack in attacks:
            before = service.bytes_on_disk()
            met = under(service, bystanders, attack, seconds)
            notes = []
            if attack is filling:
                grown = (service.bytes_on_disk() - before) / seconds * 3600
                notes.append(f"the disk filled at {grown / 1e9:.2f} GB an hour")
            table.line(title(attack), met, quiet, notes)
        print(f"    memory at most {service.memory():.0f} MB", flush=True)


def large_pictures(binary, table, seconds):
    """5. One officer opens large pictures, another a small one."""
    name = "5. pictures"
    with Service(binary) as service:
        large = [png(7000, 7100, depth=16, turned=True)] * 3
        small = [png(300, 200)]
        references = []
        for pictures in (large, small):
            body, headers = multipart(pictures)
            status, _, said = Client(service.port, seen="192.0.2.9").ask("POST", "/api/v1/reports", body, headers)
            if status != 201:
                return table.check(name, False, f"a report with {len(body)} bytes of pictures: {status}")
            references.append(json.loads(said)["reference"])
        first, second = (Client(service.port, timeout=60) for _ in OFFICERS)
        for client, email in zip((first, second), OFFICERS):
            client.sign_in(email)
        paths = [f"/office/cases/{reference}/screenshots/1" for reference in references]
        before = service.memory_of_all()
        most, watching = [before], [True]

        def watch():
            while watching:
                most[0] = max(most[0], service.memory_of_all())
                time.sleep(0.01)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        attacker = from_one_core(flood, seconds, 6, lambda n: first.ask("GET", paths[0]))
        time.sleep(1)
        took, statuses = [], []
        until = time.monotonic() + seconds - 2
        while time.monotonic() < until:
            began = time.monotonic()
            statuses.append(second.ask("GET", paths[1])[0])
            took.append(time.monotonic() - began)
            time.sleep(0.2)
        attacker.join(90)
        alone = first.ask("GET", paths[0])[0]
        watching.clear()
        watcher.join()
        more = most[0] - before
        table.check(name, alone == 200 and more < PICTURES_MB,
                    f"six at a time of {len(large[0]) // 1000} KB of PNG took {more:.0f} MB at most")
        table.check(name, set(statuses) == {200} and max(took) < 10,
                    f"the second officer's picture {len(took)} times, {sum(s != 200 for s in statuses)} failed, {max(took):.2f} s at worst")


def known_browser(binary, table, seconds):
    """6. A browser that signed in before is let in while strangers guess."""
    name = "6. a known browser"
    with Service(binary) as service:
        officer = Client(service.port, seen="203.0.113.5")
        signed_in = officer.sign_in()
        attacker = from_one_core(flood, seconds, 16, lambda n: guess(service.port, OFFICERS[0], n))
        time.sleep(3)
        tries = []
        until = time.monotonic() + seconds - 5
        while time.monotonic() < until:
            # Of another network than before: what counts is the browser.
            officer.seen = f"203.0.113.{len(tries) + 6}"
            began = time.monotonic()
            tries.append((officer.sign_in(), time.monotonic() - began))
            time.sleep(2)
        attacker.join(60)
        refused = sum(not went_well for went_well, _ in tries)
        table.check(name, signed_in and not refused, f"signed in {len(tries)} times, {refused} refused, "
                    f"{max(took for _, took in tries):.2f} s at worst")


def full_disk(binary, table, seconds):
    """7. A full disk."""
    name = "7. a full disk"
    if os.geteuid() != 0:
        return print(f"{name:29}  left out: a file system of its own takes root")
    with Service(binary, disk="96m", settings="[reports]\nper_address_hour = 100000\n",
                 data='free_for_files = "16MB"\nfree_for_database = "4MB"') as service:
        bystanders = Bystanders(service)
        body, headers = multipart([noise() for _ in range(3)])
        until = time.monotonic() + seconds

        def send_pictures():
            number = 0
            while time.monotonic() < until:
                number += 1
                Client(service.port, seen=anywhere(number), timeout=30).ask(
                    "POST", "/api/v1/reports", body, headers)

        met, _ = bystanders.watch(during=send_pictures)
        table.check(name, met.reports and not met.refused,
                    f"pictures until none is taken: {met.reports} reports of others, {met.refused} refused")
        table.check(name, met.runs and not met.lost, f"{met.runs} probe runs recorded, {met.lost} said nothing")
        table.check(name, met.office and not met.office_failed,
                    f"the office {met.office} times, {met.office_failed} failed")
        # What anything else on the machine would write.
        with open(service.data / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(65536))
            except OSError:
                pass
        # A page that cannot be renewed has two minutes to turn unknown.
        until = time.monotonic() + 130
        while True:
            time.sleep(5)
            recorded, state = service.runs(time.time() - 10)[0], service.website_state()
            if state != "operational" or time.monotonic() > until:
                break
        table.check(name, recorded or state != "operational",
                    f"not a byte left: the page says {state}, {recorded} runs recorded in the last 10 s")
        status = Client(service.port).ask("GET", "/readyz")[0]
        table.check(name, status != 200, f"/readyz says {status or 'nothing'}")


def buried(binary, table, _seconds):
    """8. Fakes that would bury a victim."""
    name = "8. fakes"
    with Service(binary) as service:
        victim = Client(service.port, seen="192.0.2.9").report(
            passport_number="C7654321", name="Siti Victim", permit_expires_on=day(3))[1].get("reference")
        urgent = Client(service.port, seen="192.0.2.10").report(
            passport_number="D7654321", name="Budi Urgent", permit_expires_on=day(1))[1].get("reference")
        for number in range(60):
            Client(service.port, seen="198.18.1.1").report(passport_number="C7654321", name=f"Fake {number}", permit_expires_on=day(0))
            Client(service.port, seen=f"198.18.2.{number}").report(
                passport_number=f"F{number:07}", name=f"Fake {number}", permit_expires_on=day(0))
        officer = Client(service.port)
        officer.sign_in()
        page = officer.ask("GET", "/office/")[2].decode()
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        away = officer.form("/office/search", {"csrf": csrf, "q": "C7654321"})[1]
        found = officer.ask("GET", away.get("location", "/"))[2]
        table.check(name, victim in found.decode(), "a look-up by passport shows the first report of sixty")
        table.check(name, urgent in page and victim in page, "true deadlines stand on the first page of the queue")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", help="a release build of siaga")
    arguments.add_argument("--seconds", type=int, default=20, help="how long each attack lasts (20)")
    arguments.add_argument("--only", default="", help="names of attacks, such as announced,idle,full_disk")
    given = arguments.parse_args()
    raise_descriptors()
    wanted = set(filter(None, given.only.split(",")))
    chosen = [attack for attack in ON_ONE_SERVICE if not wanted or attack.__name__ in wanted]
    alone = [attack for attack in (large_pictures, known_browser, full_disk, buried) if not wanted or attack.__name__ in wanted]
    table = Table()
    print(HEADER)
    if chosen:
        quiet_and_under(given.program, table, chosen, given.seconds)
    if not wanted or "descriptors" in wanted:
        print("\n3. 1024 descriptors:")
        quiet_and_under(given.program, table, [idle, from_twenty], given.seconds, descriptors=1024)
    print()
    for attack in alone:
        attack(given.program, table, given.seconds)
    print()
    for words in table.failed:
        print(f"NOT HELD: {words}")
    print(f"{len(table.failed)} not held")
    sys.exit(1 if table.failed else 0)


if __name__ == "__main__":
    main()
