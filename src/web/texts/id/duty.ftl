# Halaman operator: apa yang ditinggalkan sebuah kegagalan.

duty-title = Gangguan, untuk operator
duty-footer = Hanya untuk petugas. Rahasia dan data pribadi akun uji disamarkan di semua bukti.
duty-public = Halaman umum gangguan ini
duty-failures = Yang gagal, menurut langkah
duty-evidence = Bukti
duty-masked = Rahasia, isian, dan apa pun yang mungkin data seseorang disamarkan sebelum disimpan. Untuk kegagalan yang sama, tiga per jam disimpan lengkap.
duty-no-evidence = Tidak ada bukti gangguan ini yang disimpan.
duty-more = { $count } pemeriksaan lain juga meninggalkan bukti.
duty-none = Gangguan tidak ditemukan
duty-none-text = Tidak ada gangguan dengan nomor ini.
duty-screenshot-alt = Layar saat “{ $step }” gagal; rahasia dan isian disamarkan
duty-waterfall-alt = Langkah-langkah pemeriksaan dan waktunya, sampai “{ $step }”
duty-page = Isi halaman, sebagai teks
duty-headers = Kepala jawaban (header)
duty-har = Semua permintaan dalam pemeriksaan (HAR)
duty-console = Konsol peramban
duty-certificates = Sertifikat server
duty-upload = Jalannya unggahan
duty-timings = Waktu langkah ini
duty-public-screenshot = Layar seperti yang dilihat umum
duty-bytes = { $size } byte
case-outage-evidence = Bukti yang disimpan pemantauan kami
screenshot-title = Yang dilihat pemohon
screenshot-alt = Tangkapan layar halaman galat yang ditemui peramban kami pada { $time }
screenshot-note = Diambil oleh peramban kami sendiri pada { $time }; diperkecil. Hanya halaman galat tanpa data siapa pun yang ditampilkan di sini.
