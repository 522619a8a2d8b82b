# The public pages. Terms: see the glossary of the project.

## States

state-operational = Operational
state-degraded = Degraded
state-partial-outage = Partial outage
state-outage = Outage
state-unknown = Unknown
state-recovered = Recovered
state-maintenance = Scheduled maintenance

day-no-data = Not watched
day-operational = No outage

component-website = Website
component-sign-in = Sign-in
component-application = Application form
component-upload = Document upload
component-submission = Submission
component-payment = Payment
component-notification = E-mail notice
component-tracking = Application tracking

## Headline

headline-operational = The site works
headline-partly-unknown = No fault seen, but not everything could be checked
headline-unknown = We cannot say whether the site works
headline-maintenance = Scheduled maintenance
headline-degraded = The site works, but slowly
headline-partial-outage = Partial outage: { $components }
headline-outage = The site is not working

meaning-partly-unknown = What we could check works. What is marked unknown may or may not work.
meaning-unknown = Our own watch has nothing recent to show. The site may be up or down.
meaning-degraded = Pages take longer than usual. Be patient, and do not send twice.
meaning-partial-outage = Some steps of an application fail for everyone at this moment. It is not your mistake.
meaning-maintenance = The site is down as announced, until { $until }.
meaning-outage = Applications cannot be made at this moment. It is not your mistake.

since = Since { $time }
since-for = Since { $time } ({ $span })
as-of = As of
reload = Reload
last-observed = Last checked { $time }.
never-observed = Not checked yet.
from-to = { $from } to { $to }

## What to do now

now-title = What to do now
now-also = Good to know

advice-check-title = Check your side first
advice-check-link = Check it yourself
advice-check-up-text = Don’t panic. From where we watch, the site works, so the cause may be near you: check your internet connection and the size of the document, and try another device.
advice-check-slow-text = Don’t panic. The site answers slowly. Check your internet connection and the size of the document, try another device, and wait longer than usual before you try again.
advice-check-unknown-text = Don’t panic. We cannot tell at this moment whether it is the site. Check your internet connection and the size of the document, and try another device.
advice-not-you-title = Don’t panic: the fault is on the site’s side
advice-not-you-text = We see it too ({ $components }). If your trouble is elsewhere, check your internet connection and the size of your document, and try another device.
advice-screenshot-title = Take a screenshot of the error
advice-screenshot-text = Capture the whole screen, so that the page’s address, the date and the time can be seen.
advice-report-title = Report it
advice-report-text = You get a reference number and a report receipt that your immigration office can look up.
advice-report-later-text = If it still fails after the maintenance has ended, report it with your screenshot.
advice-report-link = Report a problem
advice-office-title = Contact your immigration office
advice-office-text = Tell it what happened and consult an officer, so that the stay permit can be extended at the office. Do not wait for the last day of your permit.
advice-wait-title = Wait until it is over
advice-wait-text = The site is down as announced. Trying again before it ends will not help.
advice-billing-title = Look at your billing code
advice-billing-text = A billing code left unpaid through maintenance may lapse, and the application then has to be started again. Check it as soon as the site is back.

advice-repeated-title = For repeated technical trouble only.
advice-repeated-text = Going to the office instead of applying online is meant for those who meet technical trouble again and again. Try at least twice, some time apart, and note when.
advice-submitted-title = Already filled in and submitted?
advice-submitted-text = Then you are done for now. You need not come while the office is closed to the public; biometrics are taken after it reopens.
advice-guarantor-title = Abroad?
advice-guarantor-text = The guarantor of an ITAS or ITAP holder may apply online or by hand. Online, the payment notice comes to the guarantor by e-mail once an officer has verified the documents.
advice-arrival-title = Back in Indonesia?
advice-arrival-text = If you were abroad, you must come to the office within 30 days of arrival to have the extended permit endorsed.
advice-overstay-title = Do not overstay.
advice-overstay-text = Each day after the last day of the permit costs { $charge }. An officer decides; an outage does not extend a permit by itself.
advice-helpdesk-title = The site’s own help desk
advice-helpdesk-text = { $address } asks for a screenshot, your register number, your passport number and a short description.

## Components, bars, uploads

components-title = Each part of the site
every-component = Every part of the site
components-none = Nothing is being watched yet.
bar-start = 90 days ago
bar-end = Today
bar-days = { $count } days.
bar-part = { $word }: { $count ->
    [one] 1 day
   *[other] { $count } days
}.
bar-uptime = { $percent } of checks passed.
uptime-word = of checks passed
uptime-unknown = Not checked yet
bar-legend = One bar a day; tall bars are days with an outage, short bars are days that were not watched.
bar-more = Day by day

open-title = Outages now
planned-title = Announced maintenance
planned-notice = The official notice
recent-title = Past outages
recent-none = None in the last 90 days.
recent-more = All outages

uploads-title = Which file sizes work right now
upload-all-work = Files up to { $size } went through when we last tried.
upload-none-tried = No file went through when we last tried.
upload-some-fail = Files up to { $works } went through; { $fails } was refused although the site allows it. Bring your file down to { $works } or less and try again.
upload-all-fail = Every file was refused when we last tried, even the smallest. Smaller files will not help.
upload-size = File
upload-result = Result
rung-accepted = Accepted
rung-refused = Refused
rung-over-limit = Over the limit

## Outages

outages-title = Outages
outages-intro = Every outage that we saw, with what we saw. The times are our own observations.
outages-none = No outage in this month.
outages-months = Months
outages-older = Earlier:
outages-newer = Later:
outage-title = Outage
outage-open = ongoing
outage-back = All outages
outage-was = { $from } to { $to } ({ $span })
outage-is = Since { $from } ({ $span } so far)
error-page-line = “{ $title }”: this page appeared { $count ->
    [one] once
   *[other] { $shown } times
} since { $time } (seen from { $vantages ->
    [one] 1 location
   *[other] { $vantages } locations
})

facts-title = What we know
fact-component = What
fact-step = Step that failed
fact-host = Where
fact-began = Began
fact-confirmed = Confirmed
fact-ended = Ended
fact-not-ended = Ongoing
fact-planned = Planned
fact-course = Pattern
fact-down = Time down in all
fact-failures = How often
fact-vantages = Seen from
fact-version = Record / version
moment-and-utc = { $local } ({ $utc } UTC)
yes = Yes
no = No
course-intermittent = Intermittent: it came and went
course-continuous = Continuous
failures-counted = { $count ->
    [one] 1 failed check
   *[other] { $shown } failed checks
}
vantages-counted = { $count ->
    [one] 1 location
   *[other] { $count } locations
}
error-pages-title = Error pages met
error-pages-intro = Pages with the same text have the same fingerprint, whatever their status code.
fingerprint = Fingerprint
timeline-title = Timeline
effect-opened = First failed check.
effect-opened-with = First failed check. { $fault }
effect-confirmed = Confirmed by a further check.
effect-became = Now: { $state }.
effect-overran = It lasts longer than the announced maintenance.
effect-closed = Recovered.
gaps-title = Gaps in our own watch
gaps-intro = At these times we did not watch, so nothing can be said of the site.
gaps-none = None during this outage.
gaps-none-90 = None in the last 90 days.
gap-closed = { $from } to { $to }: { $why }
gap-open = Since { $from }: { $why }
disclaimer = These are independent observations from outside. They are not an official statement and do not replace one; the immigration office decides.

## Faults

fault-dns = The site’s name could not be found on the internet.
fault-connect = No connection to the site could be made, or it broke off.
fault-tls = The site’s security certificate was not accepted.
fault-timeout = The site did not answer in time.
fault-status = The site answered with an error.
fault-error-page = The site showed an error page.
fault-content = The site showed something other than it should.
fault-upload-refused = A document within the stated limits was refused.
fault-session-lost = The applicant was signed out in the middle.
fault-mail-missing = The expected e-mail did not arrive.
fault-script = A part of the page did not run in the browser.
fault-captcha = A captcha blocked us where there should be none.

# Where the fault lies: the same steps as plain requests and in a real browser.
diagnosis-front-end = The site’s server answered; the page itself failed in the browser.
diagnosis-script-error = The site’s server answered; the page itself failed in the browser: a script stopped with an error.
diagnosis-asset-answers = The site’s server answered, but part of the page was missing: { $path } answered { $status }.
diagnosis-asset-stays-out = The site’s server answered, but part of the page was missing: { $path } did not arrive.
diagnosis-asset = The site’s server answered, but part of the page was missing in the browser.
diagnosis-data = The site’s server answered, but data that the page asked for in the browser did not arrive.
diagnosis-server = The server itself failed: a plain request and a real browser both failed at the step “{ $step }”.
diagnosis-dns = The site could not be reached: its name did not resolve.
diagnosis-connect = The site could not be reached: no connection could be made, or it broke off.
diagnosis-tls = The site could not be reached safely: its certificate or its encryption failed.
diagnosis-plain-refused = In a real browser it worked; only plain requests, without a browser, were refused or failed.
diagnosis-http-only = Seen by checks without a browser: no real browser tried at that time.
diagnosis-browser-only = Seen in a real browser only: no plain request tried at that time.
diagnosis-captcha = A captcha blocked our checks; applicants may not have met it.
diagnosis-other-steps = A plain request and a real browser both failed, but at different steps.
diagnosis-at-times = One way of checking failed each time and the other at times; where the fault lies cannot be told.
diagnosis-disagree = Our checks did not agree; where the fault lies cannot be told from outside.
diagnosis-short-front-end = Where: the page in the browser, not the server.
diagnosis-short-server = Where: the server.
diagnosis-short-network = Where: the way to the server.
diagnosis-short-plain-refused = Where: requests without a browser only.
diagnosis-detail = In the browser: { $text }

## Why something is unknown

reason-no-data = Not checked yet.
reason-stale = The last check is too old to say anything of now.
reason-not-reached = A step before it fails, so nobody gets this far.
reason-not-configured = Not being watched: a test account is missing.
reason-cut-off = Our own connection to the internet was down.
reason-ourselves = Something of ours broke.
reason-blocked = A check for robots keeps our monitor out. People may still get through.
reason-confirming = The first check failed and is being repeated.
gap-stopped = Our watch was not running.
gap-asleep = Our computer slept, or stood still.
gap-clock = The clock of our computer was wrong or was set; times seen then are uncertain.

## 90 days

history-title = The last 90 days
history-intro = How each part of the site did, day by day. Inconclusive checks are left out of the percentage.
history-legend = What the bars mean
history-no-bad-days = No day with an outage.
history-bad-days = Days with an outage, maintenance or slowness
history-day = Day
history-what = What
history-down = Time in trouble

## Self-check

check-title = Is it the site, or is it me?
check-verdict-up = From where we watch, the site works. If it fails for you, go through these points one by one.
check-verdict-slow = The site is slow for everyone. These points may still help.
check-verdict-down = The fault is on the site’s side. If your trouble is with a part that works, go through these points one by one.
check-verdict-maintenance = The site is in scheduled maintenance. Please wait until it has ended.
check-verdict-unknown = We cannot tell at this moment. Go through these points one by one.
check-connection-title = Your internet connection
check-connection-1 = Open another website. If that fails too, the fault is in your connection.
check-connection-2 = Change from Wi-Fi to mobile data, or the other way round.
check-connection-3 = Switch off any VPN or proxy, then try again.
check-size-title = The size and kind of your document
check-size-1 = Look at the file’s size: it must be below the limit that the site names next to the upload.
check-size-2 = Send the kind that is asked for: photos as JPG or PNG, letters as PDF. Send the passport page as a picture.
check-size-3 = Too large? Photograph it again at a lower resolution, or export the PDF in a smaller size.
check-device-title = Another device or browser
check-device-1 = Try a private window, so that nothing old is in the way.
check-device-2 = Try another browser.
check-device-3 = Try another device: a computer instead of a phone.
check-address-title = The right address
check-address-text = Fake visa sites exist. Apply and pay on the official site only:
check-still-title = It still fails
check-still-text = Then it is worth a report. Say in it what you have checked: an office sees at once that it is not your connection, your file or your device.

## For status-page clients

statuspage-operational = All Systems Operational
statuspage-maintenance = Service Under Maintenance
statuspage-partly-unknown = Partly Unknown: not everything could be checked
statuspage-unknown = Unknown: nothing could be checked
statuspage-degraded = Degraded Performance
statuspage-partial-outage = Partial System Outage
statuspage-outage = Major System Outage
statuspage-unknown-component = Unknown: { $reason }
statuspage-incident = { $component }: { $state }
