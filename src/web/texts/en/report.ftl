# The form, the reporting endpoint, and the receipt.

report-title = Report a problem
report-title-wrong = Not sent yet – { $title }
report-not-sent = Not sent yet
report-wrong = Error:
report-typed-kept = What you typed is still here.
report-files-again = Please choose your screenshots again: a browser does not keep them.
report-intro = The permit site did not let you through? Tell us what happened. You get a reference number and a receipt that your immigration office can look up. It takes about three minutes.
report-intro-language = You can write in Indonesian or English, or in your own language.
report-optional = (optional)
report-choose = Please choose

report-part-what = 1. What happened
report-component = At which step did it fail?
report-tried-at = When did you try?
report-tried-at-hint = The clock of your immigration office. One time is enough, and an estimate is fine. Several tries, some time apart, say more.
report-tried-at-nth = Try { $n }
report-tries = How many times in all?
report-message = What did the page say?
report-message-hint = Copy the words on the page if you can. Never write a password here.
report-screenshot = Screenshots
report-screenshot-hint = Up to { $count } pictures of the screen (PNG, JPEG or WebP), at most { $size } each. They help, but you can send without.
report-checked = What did you check?
checked-connection = My internet connection works: other sites open
checked-size = My documents are within the stated size and kind
checked-device = I tried another device or browser
report-submitted = Was your application submitted?
submitted-no = No, it could not be submitted
submitted-yes = Yes, it was submitted
submitted-paid = I paid, but the site does not show it
submitted-unsure = I cannot tell
report-billing = Billing code
report-billing-hint = Only if you have paid or were about to: 15 digits.

report-part-permit = 2. The stay permit
report-permit-type = Kind of permit
permit-voa = Visa on arrival (VOA, e-VOA)
permit-itk = Visit stay permit (ITK)
permit-itas = Limited stay permit (ITAS)
permit-itap = Permanent stay permit (ITAP)
permit-other = Other, or I do not know
permit-short-voa = VOA
permit-short-itk = ITK
permit-short-itas = ITAS
permit-short-itap = ITAP
permit-short-other = Other
report-expires = Last day of the permit
report-expires-hint = The office takes first those whose permit ends first.
report-arrived = Day of arrival in Indonesia
report-arrived-hint = Only if you were abroad when the permit was extended.
report-office = Immigration office
report-office-hint = The office of the place where you live. Listed by province; start typing its name.

report-part-who = 3. Who you are
report-role = You are
role-holder = the holder of the permit
role-guarantor = the guarantor
role-agent = an agent with power of attorney
report-name = Name of the permit’s holder
report-name-hint = As in the passport.
report-passport = Passport number
report-nationality = Nationality
report-contact-hint = Give an e-mail address or a telephone number, so that the office can reach you.
report-email = E-mail address
report-phone = Telephone number

report-part-send = 4. Send
report-consent-what = What you give here is stored encrypted. Staff of your immigration office can read it, and nobody else.
report-consent-keep = It is erased after { $days } days.
report-consent = I agree that my data is stored and shown to the immigration office.
report-never = We never ask for a password or a payment.
report-send = Send the report

refused-unsupported = This form could not be read. Send it as multipart/form-data, or as application/json to /api/v1/reports.
refused-malformed = What you sent could not be read: it is damaged or incomplete. Please send it again.
refused-too-large = What you sent is too large, so nothing of it was stored. Choose smaller or fewer screenshots.
refused-too-slow = What you sent did not arrive in time, so nothing of it was stored. On a slow connection, send without screenshots.
refused-busy = Very many reports are coming in at this moment. Nothing was stored; please send again in a few seconds.
refused-elsewhere = This report was sent by a page of another site, so nothing of it was stored. Please open the form here and send it again.
refused-too-often = Very many reports came from your connection. Please wait a minute and send again.
refused-wrong = Some fields need another look; nothing was stored.
refused-key = The Idempotency-Key must be 1 to 200 printable ASCII characters.
refused-key-used = This Idempotency-Key was used for a different report. Use a new key for a new report.
refused-storage = We could not make sure that your report is stored; the fault is ours. Please send it again in a minute.
form-key-used = You have sent this form before, with other content; that report is stored. To add this as a second report, send again.

wrong-missing = Please fill this in.
wrong-role-missing = Please say who you are: holder, guarantor or agent.
wrong-name-missing = Please write the name of the permit’s holder.
wrong-passport-missing = Please write the passport number.
wrong-permit-missing = Please choose the kind of permit.
wrong-office-missing = Please choose your immigration office.
wrong-component-missing = Please choose the step at which it failed.
wrong-tried-missing = Please say when you tried; an estimate is fine.
wrong-tried-too-many = At most { $most } times can be listed. Give the first and the last, and how many in all.
wrong-too-long = This is too long. Please shorten it.
wrong-not-a-choice = Please choose one of the answers given.
wrong-not-a-date = This is not a date. Write it as year-month-day, for example 2026-08-31.
wrong-not-a-time = This is not a date and time. Write it like 2026-08-31T14:00.
wrong-in-future = This time has not come yet. Please check the date and the clock.
wrong-too-long-ago = This is more than 90 days ago. Please give tries of the last 90 days.
wrong-not-a-number = Please write a number from 1 to 1000.
wrong-not-an-email = This is not an e-mail address. It looks like name@example.org.
wrong-not-a-phone = This is not a telephone number. Write it like 0812 3456 7890 or +61 412 345 678.
wrong-not-a-passport = This is not a passport number: it has only letters A to Z and digits, 3 to 20 of them.
wrong-not-a-billing-code = This is not a billing code: it has 10 to 20 digits. Leave it empty if you have none.
wrong-no-contact = Please give an e-mail address or a telephone number.
wrong-no-consent = Without your consent nothing can be stored. Tick the box to send the report.
wrong-not-a-picture = This file is not a PNG, JPEG or WebP picture. Please choose a screenshot.
wrong-too-many-pixels = This picture has too many pixels. Please choose a screenshot of one page.
wrong-screenshot-too-large = A screenshot is too large. Choose a smaller picture, or send without.
wrong-screenshot-too-many = Too many screenshots. Choose the ones that show the error best.
wrong-not-in-json = Screenshots cannot be sent in JSON. Send multipart/form-data instead.
wrong-other = This field could not be used.

receipt-title = Report
receipt-saved = Your report is stored
receipt-saved-reference = Your reference number. Write it down, or take a picture of it:
receipt-saved-link = Your link to this receipt. Keep it, and show it only to the office:
receipt-saved-secret = Whoever has this link can see your report. We cannot send it to you again.
receipt-received = Received
receipt-reason = The office says:
receipt-state-received = Your report is stored and waits for the office. Nobody there has opened it yet.
receipt-state-in-review = An officer is working on it.
receipt-state-processed = The office has dealt with it by hand.
receipt-state-returned = The office gave it back to you, because something is missing.
pictures-left-out-disk = { $count ->
    [one] Your screenshot is not kept with this report: our storage has no room for pictures at the moment. Your report is complete without it, and everything else is stored. Keep the picture, and bring it to the office.
   *[other] Your { $count } screenshots are not kept with this report: our storage has no room for pictures at the moment. Your report is complete without them, and everything else is stored. Keep the pictures, and bring them to the office.
}
pictures-left-out-day = { $count ->
    [one] Your screenshot is not kept with this report: more pictures came today than we can store. Your report is complete without it, and everything else is stored. Keep the picture, and bring it to the office.
   *[other] Your { $count } screenshots are not kept with this report: more pictures came today than we can store. Your report is complete without them, and everything else is stored. Keep the pictures, and bring them to the office.
}
receipt-next = What to do now
receipt-expires = Last day of the permit:
receipt-arrival = If you were abroad, report to the office within 30 days of arrival: by { $last }. { $days ->
    [0] That is today.
    [one] 1 day is left.
   *[other] { $days } days are left.
}
receipt-arrival-over = The 30 days after arrival ended on { $last }. Contact the office without delay.
next-submitted = You are done for now: your application was submitted. You need not come to the office until it calls you.
next-submitted-notice = Watch for the payment notice by e-mail, also in the spam folder. The guarantor may be the one who gets it.
next-paid = Do not pay a second time. Your payment is recorded with the treasury, even where the site does not show it.
next-paid-proof = Keep the proof of payment with its billing code and transaction number (NTPN).
next-again = Try once more, some time apart, also on another device. Take a screenshot with the time on it.
next-office = Contact your immigration office, well before the last day of the permit, and give this reference number.
next-bring = Bring your passport, your documents and this receipt, on paper or on your phone. The officer decides.
next-processed = The office has told you what follows, or will. Keep this receipt with your documents.
next-returned = Read the reason above, and bring or send what is missing.
receipt-office = Your office
receipt-office-unconfirmed = (address by the usual pattern, unconfirmed)
receipt-finding = What our own watch says
receipt-outage-link = All about this outage
receipt-tries = Your tries
receipt-reported = What you reported
fact-tries = Number of tries
receipt-masked = Personal data is shown in part. Only the office sees all of it.
receipt-erased = The personal data of this report has been erased.
receipt-unreadable = Some of what you reported cannot be opened at the moment. It was not erased, and your report and its reference count as before. We are looking into it.
receipt-reason-unreadable = It cannot be opened at the moment. Please ask at the office.
receipt-steps = Steps so far
receipt-what-it-is = This is a monitoring receipt (tanda bukti pemantauan). It is not an official letter (surat keterangan) and not yet signed; the signed version follows.
receipt-unread = The report could not be read just now. Please try again in a minute.
receipt-none-title = No report opens with this link
receipt-none-detail = There is no report with this reference, or the link is not complete.
receipt-none-link = Open the whole link that you were shown after sending. It ends in “key=” and 26 letters and digits.
receipt-none-office = Your immigration office finds your report without the link, by its reference number or your passport number.
receipt-none-again = If you have neither, send the report again.

case-received = Received
case-in-review = In review
case-processed = Processed by hand
case-returned = Returned
verdict-matched = Confirmed
verdict-partly = Partly confirmed
verdict-not-corroborated = Not confirmed
verdict-likely-user-side = Site was working
finding-matched = { $all ->
    [one] Your attempt was during an outage we recorded.
   *[other] All { $all } of your attempts were during an outage we recorded.
}
finding-partly = { $hits ->
    [one] 1 of your { $all } attempts was during an outage we recorded.
   *[other] { $hits } of your { $all } attempts were during an outage we recorded.
}
finding-not-corroborated = { $all ->
    [one] We observed no outage at that time, but cannot say that the site worked either.
   *[other] We observed no outage at those times, but cannot say that the site worked either.
}
finding-likely-user-side = { $all ->
    [one] We saw the site working around that time, so the cause may lie in the connection, the device or the documents. We may have missed something: the officer decides.
   *[other] We saw the site working around those times, so the cause may lie in the connection, the device or the documents. We may have missed something: the officer decides.
}
finding-blind = For a part of the time our own watch was interrupted.
finding-overlap = In the hour before the last try the outage lasted { $hour }, in the twelve hours before it { $twelve }.
try-outage = during an outage that we observed
try-blind = our own watch was interrupted
try-working = we saw the site working around this time
try-nothing = we have no observation that says either way
outage-from-to = From { $from } to { $to }.
outage-since = Since { $from }; it still lasts.
outage-intermittent = It came and went for { $lasted }, and was down for { $down } of it.
outage-continuous = It lasted { $lasted } without a break.
deadline-unknown = No date given
deadline-none = no date given
deadline-overdue = { $days ->
    [one] expired 1 day ago
   *[other] expired { $days } days ago
}
deadline-today = Last day today
deadline-left = { $days ->
    [one] 1 day left
   *[other] { $days } days left
}
