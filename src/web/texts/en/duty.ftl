# Operators' pages: what a failure left behind.

duty-title = Outage, for operators
duty-footer = For staff only. Secrets and personal data of the test account are masked in all evidence.
duty-public = The public page of this outage
duty-failures = What failed, by step
duty-evidence = Evidence
duty-masked = Secrets, fields and whatever else may be somebody’s data were masked before anything was kept. Of the same failure, three an hour are kept whole.
duty-no-evidence = No evidence of this outage is kept.
duty-more = { $count ->
    [one] One more run left evidence.
   *[other] { $count } more runs left evidence.
}
duty-none = No such outage
duty-none-text = There is no outage with this number.
duty-screenshot-alt = The screen when “{ $step }” failed; secrets and fields are masked
duty-waterfall-alt = The steps of the run and their times, up to “{ $step }”
duty-page = The page’s markup, as text
duty-headers = Headers of the answer
duty-har = Every request of the run (HAR)
duty-console = The browser’s console
duty-certificates = The server’s certificates
duty-upload = How the upload went
duty-timings = Times of the step
duty-public-screenshot = The screen as the public sees it
duty-bytes = { $size } bytes
case-outage-evidence = Evidence that our runs kept of it
screenshot-title = What applicants see
screenshot-alt = Screenshot of the error page that our browser met on { $time }
screenshot-note = Taken by our own browser on { $time }; made smaller. Only error pages without anybody’s data are shown here.
