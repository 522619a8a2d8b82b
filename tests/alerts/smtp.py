"""A real SMTP server for tests: Debian's aiosmtpd.

Prints its port, then one JSON object for each mail that it takes. The local part of the
recipient says how it behaves:
  busy     is told to come back (451) the first time
  nobody   does not exist (550)
  slow     never gets an answer to DATA
  abrupt   is taken, and the connection is cut instead of a farewell
Arguments: tls mode (none, starttls, implicit), then certificate and key, then user and password.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode = sys.argv[1]
context = None
if mode != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
login = sys.argv[4:6]
met = set()


def say(what):
    print(what, flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "nobody":
            return "550 5.1.1 no such user"
        if name == "busy" and name not in met:
            met.add(name)
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if any(to.startswith("slow@") for to in envelope.rcpt_tos):
            await asyncio.sleep(3600)
        say(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.original_content.decode("utf-8"),
            "tls": session.ssl is not None or mode == "implicit",
            "user": session.auth_data if isinstance(session.auth_data, str) else None,
        }))
        session.abrupt = any(to.startswith("abrupt@") for to in envelope.rcpt_tos)
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):
        if getattr(session, "abrupt", False):
            server.transport.abort()
        return "221 Bye"


def authenticate(server, session, envelope, mechanism, data):
    name, password = data.login.decode(), data.password.decode()
    if [name, password] == login:
        return AuthResult(success=True, auth_data=name)
    return AuthResult(success=False, handled=False)


def protocol():
    options = {"hostname": "localhost", "enable_SMTPUTF8": True, "loop": loop}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if login:
        options |= {
            "authenticator": authenticate,
            "auth_required": True,
            "auth_require_tls": mode == "starttls",
        }
    return SMTP(Handler(), **options)


loop = asyncio.new_event_loop()
wrapped = context if mode == "implicit" else None
server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=wrapped))
say(server.sockets[0].getsockname()[1])
loop.run_forever()
