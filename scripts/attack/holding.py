"""Connections that are opened and held, whole requests that are sent again and again: what the
attacks are made of. All of it ends by itself after the seconds that it is given."""

import multiprocessing
import selectors
import socket
import threading
import time

from service import Client, hold_to_one_core, raise_descriptors

# New connections a second at most: an attack on places, not on the kernel.
OPENED_A_SECOND = 5000


def hold(port, seconds, count, head, source="127.0.66.1", drip=b"", every=1.0):
    """Keeps `count` connections open that have sent `head`, and send `drip` every so often. One
    that the server closes is opened anew."""
    raise_descriptors()
    chosen = selectors.DefaultSelector()
    held, until, next_drip = set(), time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < until:
        for number in range(min(count - len(held), OPENED_A_SECOND // 10)):
            try:
                one = socket.socket()
                one.settimeout(1)
                one.bind((source(number) if callable(source) else source, 0))
                one.connect(("127.0.0.1", port))
                one.sendall(head(len(held)) if callable(head) else head)
                one.setblocking(False)
            except OSError:
                one.close()
                break
            held.add(one)
            chosen.register(one, selectors.EVENT_READ)
        for key, _ in chosen.select(0.1):
            try:
                gone = not key.fileobj.recv(65536)
            except OSError:
                gone = True
            if gone:
                let_go(chosen, held, key.fileobj)
        if drip and now >= next_drip:
            next_drip = now + every
            for one in list(held):
                try:
                    one.send(drip)
                except BlockingIOError:
                    pass
                except OSError:
                    let_go(chosen, held, one)
    for one in list(held):
        let_go(chosen, held, one)


def let_go(chosen, held, one):
    chosen.unregister(one)
    held.discard(one)
    one.close()


def flood(seconds, threads, once):
    """Calls `once(number)` in so many threads, again and again."""
    until = time.monotonic() + seconds

    def work(number):
        while time.monotonic() < until:
            once(number)
            number += threads

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 30)


def from_one_core(attack, *arguments):
    """The attack in a process of its own, which has one core."""
    def run():
        hold_to_one_core()
        attack(*arguments)

    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    return process


def leaving_early(port, seen, path, body, headers):
    """Sends a whole request and leaves without reading the answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-forwarded-for: {seen}\r\n"
            f"content-length: {len(body)}\r\n{lines}\r\n")
    with socket.socket() as one:
        one.settimeout(5)
        try:
            one.connect(("127.0.0.1", port))
            one.sendall(head.encode() + body)
            time.sleep(0.05)
        except OSError:
            pass


def anywhere(number):
    """Another network for each number."""
    return f"100.{number // 62500 % 250}.{number // 250 % 250}.{number % 250}"


def guess(port, email, number):
    Client(port, seen=anywhere(number)).sign_in(email, "not the password")
