# The office: for staff.

sign-in-title = Sign in for staff
sign-in-intro = For officers of the immigration offices. Applicants need no account: they open the link of their receipt.
sign-in-email = E-mail address
sign-in-password = Password
sign-in-button = Sign in
sign-in-lost = Lost your password? Ask your Siaga administrator for a new one.
sign-in-wrong = The address or the password is wrong.
sign-in-too-often = Too many tries. Please wait a little and try again.
sign-in-elsewhere = This sign-in came from another site and was refused. Please sign in here.

office-footer = Every look at a case is recorded with your name and the time. Findings support your decision; they do not replace it.
office-open = To do
office-done = Done
office-all = All offices
office-search = Reference or passport number
office-search-button = Find
office-sign-out = Sign out
office-to-queue = Back to the list
office-table = Cases by deadline
office-count = { $count ->
    [one] 1 case.
   *[other] { $count } cases.
}
office-page = Page { $page } of { $pages }.
office-order = Soonest expiry first; a date before the report came counts as the day it came.
list-folded = { $count ->
    [one] 1 of them is folded
   *[other] { $count } of them are folded
}: when the list is longer than a page, at most { $most } from one network that are as urgent as each other stand in it.
list-network-title = To do, from one network
list-network-text = A network is up to 256 addresses: one person, a hotel, a campus, or a mobile provider with thousands of people behind it. It proves nothing by itself.
list-passport-title = All reports of one passport
list-passport-text = The oldest stands first, on every page.
row-same = same passport
row-first = The first report of this passport
row-doubtful = This date can hardly be right: please check it
row-network = { $count ->
    [one] 1 other from the same network in 24 hours
   *[other] { $count } others from the same network in 24 hours
}
row-more = { $count ->
    [one] 1 more report of this passport
   *[other] { $count } more reports of this passport
}
row-folded = { $count ->
    [one] 1 more from the same network, not more urgent: show all of it
   *[other] { $count } more from the same network, not more urgent: show all of them
}
office-filter = Office
office-filter-button = Show
office-empty = No cases here.
office-pages = Pages
office-newer = ← Previous 50
office-older = Next 50 →
office-no-cases = No cases for this account
office-no-cases-text = Your account watches the monitor and sees no personal data. Cases are for officers and supervisors.
office-form-old = This form is no longer valid
office-form-old-text = Nothing was changed. Go back, reload the page and try again.
office-elsewhere-line = { $reference } belongs to { $office }.
office-elsewhere-more = and { $count } more at other offices.
staff-officer = Officer
staff-supervisor = Supervisor
staff-operator = Operator

account-link = Account
account-title = Your account
account-password = Change the password
account-password-text = Your other sessions end, and other browsers that you signed in with have to sign in with the new password.
account-current = Current password
account-current-wrong = The current password is wrong. Nothing was changed.
account-new = New password
account-new-hint = At least { $least } characters. A few long words are easier to remember than a short jumble.
account-new-short = The new password is too short: it must have at least 12 characters. Nothing was changed.
account-new-long = The new password is too long: at most 1,024 bytes. Nothing was changed.
account-new-same = The new password is the same as the current one. Nothing was changed.
account-again = New password once more
account-again-wrong = The new password was not typed the same way twice. Nothing was changed.
account-button = Change the password
account-changed = Your password is changed.
account-changed-text = You are still signed in here. All your other sessions have ended.

col-deadline = Last day
col-person = Name and passport
col-permit = Permit
col-finding = Finding
col-state = State and received
col-reference = Reference

search-title = Search
search-found = { $count ->
    [0] Nothing found.
    [one] 1 case found.
   *[other] { $count } cases found.
}
search-mistyped = This looks like a reference, but one character is mistyped: the check character does not fit. Please compare it again.
search-neither = This is neither a reference (like 7K3M-9QXR-2TWA-5) nor a passport number (letters A to Z and digits).
search-length = There is no case with this number. If it is a reference, it has 13 characters (like 7K3M-9QXR-2TWA-5): some are missing, or too many. Please compare it again.
search-none = There is no case with this passport number. Perhaps the report was made with another passport, or not sent.

case-none = No such case
case-none-text = There is no case with this reference. Perhaps the report was not sent to the end.
case-elsewhere = This case belongs to another office
case-elsewhere-text = It belongs to { $office }. Only its officers and supervisors can open it.
case-erased = (erased)
unreadable-key = The personal data of this case cannot be opened: the master key “{ $key }” is missing. It is not erased. Ask your Siaga administrator to put the key back.
unreadable-broken = Something in this case does not open: it was changed or moved in the database. It is not erased. Ask your Siaga administrator.
unreadable-field = (cannot be opened)
screenshot-erased = This screenshot was erased with the personal data of its report.
screenshot-not-shown = Screenshot not shown
screenshot-broken = This picture cannot be opened: its file is damaged, or it needs more memory than a picture of its size does. What was sent is kept as it is, and everything else of the report is complete.
screenshot-busy = Many pictures are being opened at the moment. Please load this page again in a minute.
screenshot-unread = This picture cannot be read at the moment. Please load this page again in a minute. If it stays so, tell the operator; the report itself is complete.
case-last-day = Last day of the permit:
case-guidance-submitted = The application was submitted: the applicant need not come until called.
case-guidance-paid = Paid, but the site does not show it: payment in limbo. Check with the billing code; the applicant must not pay twice.
case-evidence = What our runs met during the outage
case-failure = { $step }: { $fault } { $times ->
    [one] Once
   *[other] { $times } times
}, from { $vantages ->
    [one] 1 place
   *[other] { $vantages } places
}, { $from } to { $to }.
case-gaps-none = None around these times.
case-rules = Rule version
case-attempt = The attempt
case-not-said = not said
case-no-screenshot = None was sent.
case-pictures-left-out = { $count ->
    [one] 1 was sent and not kept
   *[other] { $count } were sent and not kept
}: { $why ->
    [day] the pictures that are kept in a day were used up.
   *[disk] there was no room on the disk.
} The applicant was asked to bring { $count ->
    [one] it.
   *[other] them.
}
case-screenshot = Screenshot { $n }, { $width } × { $height } pixels
case-person = The applicant
case-next = Next step
case-next-none = This case is finished.
case-came = Report received
case-step = { $state }, by { $who }
case-decided = Decided on { $at }, on this finding
case-newer-finding = Newer finding
case-newer-finding-text = Our record of outages has changed since the decision.
step-finding-changed = The finding has changed since you opened this page. Please look at it again; nothing was changed.
case-note = Reported by the applicant and not verified, except where it says that we observed it. This is not a surat keterangan (official letter).
case-tries = The applicant’s tries
case-role = Reported by
case-component = Failed at
case-submitted = Application submitted
case-connection = Connection checked
case-size = Size of documents checked
case-device = Other device tried
case-said = What the page said
step-in-review = Start work
step-in-review-text = You take the case; the applicant sees that it is being worked on.
step-processed = Processed by hand
step-processed-text = The application was dealt with at the office. This ends the case.
step-returned = Return with this reason
step-returned-text = Something is missing. The applicant sees the reason, word for word.
step-reason = Reason
step-reason-missing = Please write the reason: the applicant must know what is missing. Nothing was changed.
step-reason-long = The reason is too long: at most 1,000 characters. Nothing was changed.
step-erased = The personal data of this report has been erased, so the case stays as it is. Nothing was changed.
step-impossible = This step is not possible from where the case stands. Nothing was changed.
step-done-by = Someone was faster: { $who } set this case to “{ $state }” at { $at }. Nothing was done twice.
step-done-by-you = You have already set this case to “{ $state }” at { $at }. Nothing was done twice.
