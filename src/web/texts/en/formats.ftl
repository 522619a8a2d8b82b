# Times, spans and numbers.

weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-7 = Sunday
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

format-time = { $hour }:{ $minute } { $zone }
format-date = { $day } { $month } { $year }
format-month = { $month } { $year }
format-moment = { $weekday }, { $date }, { $time }
format-day-time = { $date }, { $time }
format-group-separator = ,
format-decimal-separator = .
format-percent = { $number }%

span-under-a-minute = less than a minute
span-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
}
span-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
}
span-days = { $count ->
    [one] 1 day
   *[other] { $count } days
}
