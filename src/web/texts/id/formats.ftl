# Waktu, lama, dan angka.

weekday-1 = Senin
weekday-2 = Selasa
weekday-3 = Rabu
weekday-4 = Kamis
weekday-5 = Jumat
weekday-6 = Sabtu
weekday-7 = Minggu
month-1 = Januari
month-2 = Februari
month-3 = Maret
month-4 = April
month-5 = Mei
month-6 = Juni
month-7 = Juli
month-8 = Agustus
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Desember

format-time = { $hour }.{ $minute } { $zone }
format-date = { $day } { $month } { $year }
format-month = { $month } { $year }
format-moment = { $weekday }, { $date } pukul { $time }
format-day-time = { $date } pukul { $time }
format-group-separator = .
format-decimal-separator = ,
format-percent = { $number }%

span-under-a-minute = kurang dari satu menit
span-minutes = { $count } menit
span-hours = { $count } jam
span-days = { $count } hari
