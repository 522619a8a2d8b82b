# Kantor: untuk petugas.

sign-in-title = Masuk untuk petugas
sign-in-intro = Untuk petugas kantor imigrasi. Pemohon tidak perlu akun: cukup buka tautan tanda terimanya.
sign-in-email = Alamat email
sign-in-password = Kata sandi
sign-in-button = Masuk
sign-in-lost = Lupa kata sandi? Pengelola Siaga di instansi Anda dapat memberikan yang baru.
sign-in-wrong = Alamat email atau kata sandi salah.
sign-in-too-often = Terlalu banyak percobaan. Mohon tunggu sebentar, lalu coba lagi.
sign-in-elsewhere = Permintaan masuk ini datang dari situs lain dan ditolak. Silakan masuk di sini.

office-footer = Setiap kali kasus dibuka, nama Anda dan waktunya dicatat. Temuan mendukung keputusan Anda, bukan menggantikannya.
office-open = Belum selesai
office-done = Selesai
office-all = Semua kantor
office-search = Nomor referensi atau nomor paspor
office-search-button = Cari
office-sign-out = Keluar
office-to-queue = Kembali ke daftar
office-table = Kasus menurut tenggat
office-count = { $count } kasus.
office-page = Halaman { $page } dari { $pages }.
office-order = Izin yang lebih cepat berakhir di urutan teratas.
office-filter = Kantor
office-filter-button = Tampilkan
office-empty = Tidak ada kasus di sini.
office-pages = Halaman
office-newer = ← 50 sebelumnya
office-older = 50 berikutnya →
office-no-cases = Tidak ada kasus untuk akun ini
office-no-cases-text = Akun Anda mengawasi pemantauan dan tidak melihat data pribadi. Kasus hanya untuk petugas dan penyelia.
office-form-old = Formulir ini sudah tidak berlaku
office-form-old-text = Tidak ada yang diubah. Kembalilah, muat ulang halamannya, lalu coba lagi.
office-elsewhere-line = { $reference } ditangani { $office }.
staff-officer = Petugas
staff-supervisor = Penyelia
staff-operator = Operator

account-link = Akun
account-title = Akun Anda
account-password = Ubah kata sandi
account-password-text = Sesi Anda yang lain akan diakhiri, dan peramban lain yang pernah Anda pakai harus masuk dengan kata sandi baru.
account-current = Kata sandi sekarang
account-current-wrong = Kata sandi sekarang salah. Tidak ada yang diubah.
account-new = Kata sandi baru
account-new-hint = Paling sedikit { $least } karakter. Beberapa kata panjang lebih mudah diingat daripada karakter acak yang pendek.
account-new-short = Kata sandi baru terlalu pendek: paling sedikit 12 karakter. Tidak ada yang diubah.
account-new-long = Kata sandi baru terlalu panjang: paling banyak 1.024 byte. Tidak ada yang diubah.
account-new-same = Kata sandi baru sama dengan yang sekarang. Tidak ada yang diubah.
account-again = Ulangi kata sandi baru
account-again-wrong = Kedua ketikan kata sandi baru tidak sama. Tidak ada yang diubah.
account-button = Ubah kata sandi
account-changed = Kata sandi Anda sudah diubah.
account-changed-text = Anda tetap masuk di sini. Semua sesi Anda yang lain sudah diakhiri.

col-deadline = Hari terakhir
col-person = Nama dan paspor
col-permit = Izin
col-finding = Temuan
col-state = Status dan diterima
col-reference = Referensi

search-title = Pencarian
search-found = { $count ->
    [0] Tidak ditemukan.
   *[other] { $count } kasus ditemukan.
}
search-mistyped = Ini tampak seperti nomor referensi, tetapi ada satu karakter yang salah ketik: karakter pemeriksanya tidak cocok. Mohon bandingkan lagi.
search-neither = Ini bukan nomor referensi (seperti 7K3M-9QXR-2TWA-5) dan bukan nomor paspor (huruf A sampai Z dan angka).
search-length = Tidak ada kasus dengan nomor ini. Bila ini nomor referensi, panjangnya 13 karakter (seperti 7K3M-9QXR-2TWA-5): ada yang kurang atau lebih. Mohon cocokkan lagi.
search-none = Tidak ada kasus dengan nomor paspor ini. Mungkin laporannya memakai paspor lain, atau belum terkirim.

case-none = Kasus tidak ada
case-none-text = Tidak ada kasus dengan nomor referensi ini. Mungkin laporannya belum selesai terkirim.
case-elsewhere = Kasus ini milik kantor lain
case-elsewhere-text = Kasus ini ditangani { $office }. Hanya petugas kantor itu dan penyelia yang dapat membukanya.
case-erased = (dihapus)
unreadable-key = Data pribadi kasus ini tidak dapat dibuka: kunci utama “{ $key }” tidak ada. Data ini tidak dihapus. Minta pengelola Siaga mengembalikan kunci tersebut.
unreadable-broken = Ada bagian kasus ini yang tidak dapat dibuka: isinya diubah atau dipindahkan di basis data. Data ini tidak dihapus. Hubungi pengelola Siaga.
unreadable-field = (tidak dapat dibuka)
screenshot-erased = Tangkapan layar ini sudah dihapus bersama data pribadi laporannya.
case-last-day = Hari terakhir izin:
case-guidance-submitted = Permohonan sudah terkirim: pemohon tidak perlu datang sampai dipanggil.
case-guidance-paid = Sudah dibayar, tetapi situs tidak menampilkannya: pembayaran tertahan. Periksa dengan kode billing; pemohon jangan membayar dua kali.
case-evidence = Yang ditemui pemantauan kami selama gangguan
case-failure = { $step }: { $fault } { $times } kali, dari { $vantages } tempat, { $from } sampai { $to }.
case-gaps-none = Tidak ada di sekitar waktu itu.
case-rules = Versi aturan
case-attempt = Percobaan
case-not-said = tidak disebutkan
case-no-screenshot = Tidak ada yang dikirim.
case-pictures-left-out = { $count } dikirim tetapi tidak disimpan: { $why ->
    [day] jatah gambar satu hari sudah habis.
   *[disk] ruang disk tidak cukup.
} Pemohon diminta membawanya.
case-screenshot = Tangkapan layar { $n }, { $width } × { $height } piksel
case-person = Pemohon
case-next = Langkah berikutnya
case-next-none = Kasus ini sudah selesai.
case-came = Laporan diterima
case-step = { $state }, oleh { $who }
case-decided = Diputuskan { $at } berdasarkan temuan ini
case-newer-finding = Temuan terbaru
case-newer-finding-text = Catatan gangguan kami berubah setelah keputusan itu.
step-finding-changed = Temuan kami berubah sejak Anda membuka halaman ini. Mohon periksa sekali lagi; belum ada yang diubah.
case-note = Dilaporkan oleh pemohon dan tidak terverifikasi, kecuali yang disebut kami amati sendiri. Ini bukan surat keterangan.
case-tries = Percobaan pemohon
case-role = Dilaporkan oleh
case-component = Kendala di
case-submitted = Permohonan terkirim
case-connection = Koneksi diperiksa
case-size = Ukuran dokumen diperiksa
case-device = Perangkat lain dicoba
case-said = Yang tertulis di halaman
step-in-review = Tangani
step-in-review-text = Anda menangani kasus ini; pemohon melihat bahwa kasusnya sedang ditangani.
step-processed = Sudah diproses manual
step-processed-text = Permohonan sudah ditangani di kantor. Kasus selesai.
step-returned = Kembalikan dengan alasan ini
step-returned-text = Ada yang kurang. Pemohon membaca alasan ini persis seperti yang Anda tulis.
step-reason = Alasan
step-reason-missing = Tulis alasannya: pemohon harus tahu apa yang kurang. Tidak ada yang diubah.
step-reason-long = Alasan terlalu panjang: paling banyak 1.000 karakter. Tidak ada yang diubah.
step-erased = Data pribadi laporan ini sudah dihapus, jadi status kasusnya tidak dapat diubah lagi. Tidak ada yang diubah.
step-impossible = Langkah ini tidak mungkin dari status sekarang. Tidak ada yang diubah.
step-done-by = Petugas lain lebih dulu: { $who } mengubah kasus ini menjadi “{ $state }” pada { $at }. Tidak ada yang dilakukan dua kali.
step-done-by-you = Anda sudah mengubah kasus ini menjadi “{ $state }” pada { $at }. Tidak ada yang dilakukan dua kali.
