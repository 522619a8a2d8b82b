# What every page shows, and the error pages.

skip-to-content = Skip to the content
brand-what = permit site watch
navigation = Pages
language-switch = Language
nav-status = Status now
nav-report = Report a problem
nav-check = Check it yourself
nav-outages = Outages
nav-history = 90 days

rehearsal-word = Rehearsal.
rehearsal-banner = Nothing here is real: the watched site and its outages are simulated.
not-government = Independent monitor, not the government’s site.
official-site-is = The official site is

footer-independent = Siaga watches the permit site from outside, the way an applicant meets it. It decides nothing about permits, and no application can be made here. Never type your password or pay anywhere but on the official site.
footer-privacy = These pages set no cookie, run no script and load nothing from elsewhere.
footer-programs = For programs:
footer-contact = Write to us:

error-code = Error
error-to-status = Is the permit site working right now?
error-not-found-title = There is no page here
error-not-found-explanation = The address may be mistyped, or the page may have moved.
error-not-found-next = Start again from the status page.
error-method-title = This address does not take that
error-method-explanation = The page exists, but not for this kind of request.
error-too-large-title = That was too large
error-too-large-explanation = What you sent is larger than this site takes, so nothing of it was stored.
error-too-large-next = Go back, choose smaller pictures, and send again. A screenshot is rarely larger than 2 MB.
error-timeout-title = That took too long
error-timeout-explanation = What you sent did not arrive completely in time, so nothing of it was stored. A slow connection is the usual cause.
error-retry-next = Please wait a few seconds and try again.
error-too-many-title = Too many tries
error-too-many-explanation = There were many requests from your connection in a short time.
error-busy-title = We are very busy
error-busy-explanation = This page could not be prepared just now. Nothing is lost.
error-forbidden-title = Not open to you
error-forbidden-explanation = This page needs you to be signed in, or is not for your account.
error-request-title = That request could not be understood
error-request-explanation = Something in what was sent was missing or not as expected, so nothing of it was stored.
error-request-next = Go back, look over what you entered, and send again.
error-ours-title = Something broke on our side
error-ours-explanation = The fault is ours, not yours, and it has been recorded.
