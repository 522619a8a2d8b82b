"""Those who use Siaga while it is attacked, and what they meet."""

import os
import threading
import time

from pictures import png
from service import Client, multipart

# A screenshot of a telephone: bytes behind the end of a small picture count as its bytes.
SCREENSHOT = png(64, 64) + os.urandom(300_000)


class Bystander(threading.Thread):
    """Does one thing every so often, and notes how it went."""

    def __init__(self, every, act):
        super().__init__(daemon=True)
        self.every, self.act = every, act
        self.over = threading.Event()
        self.refused, self.took = 0, []

    def run(self):
        while not self.over.wait(self.every):
            began = time.monotonic()
            went_well = self.act()
            self.took.append(time.monotonic() - began)
            self.refused += not went_well

    def end(self):
        self.over.set()
        self.join(30)

    def percentile(self, share):
        took = sorted(self.took) or [float("nan")]
        return took[min(int(len(took) * share), len(took) - 1)]


class Bystanders:
    """An applicant, an officer who is signed in, and a reader of the public page."""

    def __init__(self, service):
        self.service, self.count = service, 0
        self.officer_client = Client(service.port, seen="203.0.113.5")
        if not self.officer_client.sign_in():
            raise SystemExit("the officer could not sign in before the attack")

    def applies(self):
        """Each applicant comes from a network of their own; every other one sends a screenshot."""
        self.count += 1
        seen = f"10.{self.count // 250 % 250}.{self.count % 250}.7"
        passport = f"B{self.count:07}"
        client = Client(self.service.port, seen=seen)
        if self.count % 2:
            return client.report(passport_number=passport)[0] == 201
        body, headers = multipart([SCREENSHOT], passport_number=passport)
        return client.ask("POST", "/api/v1/reports", body, headers)[0] == 201

    def works(self):
        return self.officer_client.ask("GET", "/office/")[0] == 200

    def reads(self):
        return Client(self.service.port, seen="192.0.2.9").ask("GET", "/")[0] == 200

    def watch(self, seconds=None, during=None):
        """Lets everybody go about their business for so long, or during a call; gives what they
        met, and what the call gave."""
        self.applicant = Bystander(0.5, self.applies)
        self.officer = Bystander(0.5, self.works)
        self.reader = Bystander(0.05, self.reads)
        everybody = (self.applicant, self.officer, self.reader)
        began = time.time()
        for one in everybody:
            one.start()
        gave = during() if during else time.sleep(seconds)
        for one in everybody:
            one.end()
        return Met(self, began), gave


class Met:
    """What was met in a span of time."""

    def __init__(self, bystanders, began):
        applicant, officer, reader = bystanders.applicant, bystanders.officer, bystanders.reader
        self.reports, self.refused = len(applicant.took), applicant.refused
        self.report_worst = applicant.percentile(1)
        self.office, self.office_failed = len(officer.took), officer.refused
        self.office_worst = officer.percentile(1)
        self.reads_failed = reader.refused
        self.page, self.page_p99 = reader.percentile(0.5), reader.percentile(0.99)
        # What began in the last second may not have been recorded yet.
        self.runs, self.lost = bystanders.service.runs(began)

    def line(self):
        return (f"{self.reports:4} {self.refused:4} {self.report_worst:7.2f}  "
                f"{self.office:4} {self.office_failed:4} {self.office_worst:7.2f}  "
                f"{self.page * 1e3:7.1f} {self.page_p99 * 1e3:7.1f} {self.reads_failed:4}  "
                f"{self.runs:4} {self.lost:4}")

    def shortfalls(self, quiet):
        """What did not hold, in words."""
        bound = max(2 * quiet.page_p99, 0.020)
        return [words for failed, words in (
            (self.refused, f"{self.refused} reports of others were refused"),
            (self.office_failed, f"the office failed {self.office_failed} times"),
            (self.office_worst >= 1, f"the office took {self.office_worst:.2f} s at worst"),
            (self.lost, f"{self.lost} probe runs said nothing"),
            (self.runs == 0, "no probe ran"),
            (self.reads_failed, f"the public page failed {self.reads_failed} times"),
            (self.page_p99 > bound, f"99 % of GET / took up to {self.page_p99 * 1e3:.0f} ms, more than {bound * 1e3:.0f}"),
        ) if failed]


HEADER = ("                              applicant          officer            GET /                 probe\n"
          "attack                         all  no  worst s   all  no  worst s   p50 ms  p99 ms  no   runs lost")
