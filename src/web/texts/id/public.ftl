# Halaman publik. Istilah: lihat glosarium proyek.

## Keadaan

state-operational = Beroperasi normal
state-degraded = Layanan menurun
state-partial-outage = Gangguan sebagian
state-outage = Gangguan total
state-unknown = Tidak diketahui
state-recovered = Pulih
state-maintenance = Pemeliharaan terjadwal

day-no-data = Tidak terpantau
day-operational = Tanpa gangguan

component-website = Situs web
component-sign-in = Masuk ke akun
component-application = Pengisian permohonan
component-upload = Unggah dokumen
component-submission = Pengiriman permohonan
component-payment = Pembayaran
component-notification = Pemberitahuan surel
component-tracking = Pelacakan permohonan

## Judul utama

headline-operational = Situs berfungsi
headline-partly-unknown = Tidak terlihat gangguan, tetapi tidak semua dapat diperiksa
headline-unknown = Kami tidak tahu apakah situs berfungsi
headline-maintenance = Pemeliharaan terjadwal
headline-degraded = Situs berfungsi, tetapi lambat
headline-partial-outage = Gangguan sebagian: { $components }
headline-outage = Situs tidak berfungsi

meaning-partly-unknown = Yang dapat kami periksa berfungsi. Yang bertanda tidak diketahui mungkin berfungsi, mungkin tidak.
meaning-unknown = Pemantauan kami tidak memiliki data terbaru. Situs mungkin berfungsi, mungkin tidak.
meaning-degraded = Halaman terbuka lebih lama dari biasanya. Bersabarlah, dan jangan mengirim dua kali.
meaning-partial-outage = Sebagian langkah permohonan saat ini gagal bagi semua orang. Ini bukan kesalahan Anda.
meaning-maintenance = Situs sedang tidak tersedia sesuai pengumuman, sampai { $until }.
meaning-outage = Permohonan saat ini tidak dapat diajukan. Ini bukan kesalahan Anda.

since = Sejak { $time }
since-for = Sejak { $time } ({ $span })
as-of = Keadaan per
reload = Muat ulang
last-observed = Terakhir diperiksa { $time }.
never-observed = Belum pernah diperiksa.
from-to = { $from } sampai { $to }

## Yang perlu dilakukan sekarang

now-title = Yang perlu dilakukan sekarang
now-also = Perlu diketahui

advice-check-title = Periksa dulu di pihak Anda
advice-check-link = Periksa sendiri
advice-check-up-text = Jangan panik. Dari tempat kami memantau, situs berfungsi, jadi penyebabnya mungkin di dekat Anda: periksa koneksi internet dan ukuran dokumen, lalu coba perangkat lain.
advice-check-slow-text = Jangan panik. Situs menjawab dengan lambat. Periksa koneksi internet dan ukuran dokumen, coba perangkat lain, dan tunggu lebih lama sebelum mencoba lagi.
advice-check-unknown-text = Jangan panik. Saat ini kami tidak tahu apakah penyebabnya situs itu. Periksa koneksi internet dan ukuran dokumen, lalu coba perangkat lain.
advice-not-you-title = Jangan panik: kendalanya di pihak situs
advice-not-you-text = Kami juga melihatnya ({ $components }). Jika kendala Anda di bagian lain, periksa koneksi internet dan ukuran dokumen, lalu coba perangkat lain.
advice-screenshot-title = Ambil tangkapan layar kesalahan
advice-screenshot-text = Ambil seluruh layar, agar alamat halaman, tanggal, dan jam terlihat.
advice-report-title = Laporkan
advice-report-text = Anda mendapat nomor referensi dan tanda terima laporan yang dapat dicari oleh kantor imigrasi Anda.
advice-report-later-text = Jika masih gagal setelah pemeliharaan selesai, laporkan beserta tangkapan layar Anda.
advice-report-link = Laporkan kendala
advice-office-title = Hubungi kantor imigrasi Anda
advice-office-text = Sampaikan yang terjadi dan berkonsultasilah dengan petugas, agar izin tinggal dapat diperpanjang di kantor. Jangan menunggu hari terakhir izin Anda.
advice-wait-title = Tunggu sampai selesai
advice-wait-text = Situs sedang tidak tersedia sesuai pengumuman. Mencoba lagi sebelum selesai tidak akan membantu.
advice-billing-title = Perhatikan kode billing Anda
advice-billing-text = Kode billing yang belum dibayar selama pemeliharaan dapat kedaluwarsa, dan permohonan harus diulang dari awal. Periksa segera setelah situs kembali.

advice-repeated-title = Hanya untuk kendala teknis berulang.
advice-repeated-text = Datang ke kantor sebagai ganti permohonan daring hanya untuk yang mengalami kendala teknis berulang kali. Cobalah sedikitnya dua kali dengan jeda, dan catat waktunya.
advice-submitted-title = Sudah mengisi dan mengirim permohonan?
advice-submitted-text = Berarti untuk saat ini selesai. Anda tidak perlu datang selama kantor tutup untuk umum; biometrik diambil setelah kantor buka kembali.
advice-guarantor-title = Sedang di luar negeri?
advice-guarantor-text = Penjamin pemegang ITAS atau ITAP dapat mengajukan secara daring atau manual. Secara daring, pemberitahuan pembayaran dikirim ke surel penjamin setelah petugas memverifikasi dokumen.
advice-arrival-title = Sudah kembali ke Indonesia?
advice-arrival-text = Orang asing yang berada di luar negeri wajib datang ke kantor dalam 30 hari sejak kedatangan untuk peneraan izin yang diperpanjang.
advice-overstay-title = Jangan sampai overstay.
advice-overstay-text = Setiap hari setelah hari terakhir izin dikenai biaya beban { $charge }. Petugas yang memutuskan; gangguan tidak dengan sendirinya memperpanjang izin.
advice-helpdesk-title = Layanan bantuan situs
advice-helpdesk-text = { $address } meminta tangkapan layar, nomor register, nomor paspor, dan uraian singkat.

## Bagian, diagram, unggahan

components-title = Setiap bagian situs
every-component = Semua bagian situs
components-none = Belum ada yang dipantau.
bar-start = 90 hari lalu
bar-end = Hari ini
bar-days = { $count } hari.
bar-part = { $word }: { $count } hari.
bar-uptime = { $percent } pemeriksaan berhasil.
uptime-word = pemeriksaan berhasil
uptime-unknown = Belum pernah diperiksa
bar-legend = Satu batang untuk satu hari; batang tinggi berarti ada gangguan, batang pendek berarti tidak terpantau.
bar-more = Hari demi hari

open-title = Gangguan saat ini
planned-title = Pemeliharaan yang diumumkan
planned-notice = Pengumuman resmi
recent-title = Gangguan yang lalu
recent-none = Tidak ada dalam 90 hari terakhir.
recent-more = Semua gangguan

uploads-title = Ukuran berkas yang bisa diunggah saat ini
upload-all-work = Berkas sampai { $size } berhasil diunggah pada percobaan terakhir kami.
upload-none-tried = Tidak ada berkas yang berhasil pada percobaan terakhir kami.
upload-some-fail = Berkas sampai { $works } berhasil; { $fails } ditolak padahal situs mengizinkannya. Perkecil berkas Anda menjadi paling besar { $works } lalu coba lagi.
upload-all-fail = Semua berkas ditolak pada percobaan terakhir kami, yang terkecil pun. Memperkecil berkas tidak akan membantu.
upload-size = Berkas
upload-result = Hasil
rung-accepted = Diterima
rung-refused = Ditolak
rung-over-limit = Melebihi batas

## Gangguan

outages-title = Gangguan
outages-intro = Setiap gangguan yang kami lihat, beserta buktinya. Waktu yang tertera adalah hasil pengamatan kami sendiri.
outages-none = Tidak ada gangguan pada bulan ini.
outages-months = Bulan
outages-older = Sebelumnya:
outages-newer = Sesudahnya:
outage-title = Gangguan
outage-open = masih berlangsung
outage-back = Semua gangguan
outage-was = { $from } sampai { $to } ({ $span })
outage-is = Sejak { $from } (sudah { $span })
error-page-line = “{ $title }”: halaman ini { $shown } kali sejak { $time }, dari { $vantages } titik pantau

facts-title = Yang kami ketahui
fact-component = Bagian
fact-step = Langkah yang gagal
fact-host = Alamat situs
fact-began = Mulai
fact-confirmed = Dipastikan
fact-ended = Selesai
fact-not-ended = Masih berlangsung
fact-planned = Diumumkan sebelumnya
fact-course = Pola gangguan
fact-down = Lama gangguan seluruhnya
fact-failures = Seberapa sering
fact-vantages = Terlihat dari
fact-version = Catatan / versi
moment-and-utc = { $local } ({ $utc } UTC)
yes = Ya
no = Tidak
course-intermittent = Hilang timbul
course-continuous = Terus-menerus
failures-counted = { $shown } pemeriksaan gagal
vantages-counted = { $count } titik pantau
error-pages-title = Halaman kesalahan yang muncul
error-pages-intro = Halaman dengan teks yang sama memiliki sidik jari yang sama, apa pun kode statusnya.
fingerprint = Sidik jari halaman
timeline-title = Urutan kejadian
effect-opened = Pemeriksaan pertama yang gagal.
effect-opened-with = Pemeriksaan pertama yang gagal. { $fault }
effect-confirmed = Dipastikan oleh pemeriksaan berikutnya.
effect-became = Sekarang: { $state }.
effect-overran = Berlangsung lebih lama dari pemeliharaan yang diumumkan.
effect-closed = Pulih.
gaps-title = Celah dalam pemantauan kami
gaps-intro = Pada waktu ini kami tidak memantau, sehingga tidak ada yang dapat dikatakan tentang situs.
gaps-none = Tidak ada selama gangguan ini.
gaps-none-90 = Tidak ada dalam 90 hari terakhir.
gap-closed = { $from } sampai { $to }: { $why }
gap-open = Sejak { $from }: { $why }
disclaimer = Ini pengamatan independen dari luar, bukan keterangan resmi dan tidak menggantikannya; keputusan ada pada kantor imigrasi.

## Jenis kegagalan

fault-dns = Nama situs tidak ditemukan di internet.
fault-connect = Sambungan ke situs tidak dapat dibuat, atau terputus.
fault-tls = Sertifikat keamanan situs tidak dapat diterima.
fault-timeout = Situs tidak menjawab pada waktunya.
fault-status = Situs menjawab dengan kesalahan.
fault-error-page = Situs menampilkan halaman kesalahan.
fault-content = Situs menampilkan isi yang tidak semestinya.
fault-upload-refused = Dokumen yang memenuhi batas ditolak.
fault-session-lost = Pemohon dikeluarkan dari akun di tengah proses.
fault-mail-missing = Surel yang ditunggu tidak tiba.
fault-script = Sebagian halaman tidak berjalan di peramban.
fault-captcha = Uji robot menghalangi di tempat yang tidak semestinya.

# Letak kesalahan: langkah yang sama lewat pemeriksaan tanpa peramban dan di peramban sungguhan.
diagnosis-front-end = Server situs menjawab; halamannya sendiri yang gagal di peramban.
diagnosis-script-error = Server situs menjawab; halamannya sendiri yang gagal di peramban: sebuah skrip berhenti karena kesalahan.
diagnosis-asset-answers = Server situs menjawab, tetapi sebagian halaman hilang: { $path } menjawab { $status }.
diagnosis-asset-stays-out = Server situs menjawab, tetapi sebagian halaman hilang: { $path } tidak tiba.
diagnosis-asset = Server situs menjawab, tetapi sebagian halaman hilang di peramban.
diagnosis-data = Server situs menjawab, tetapi data yang diminta halaman di peramban tidak tiba.
diagnosis-server = Kegagalan terjadi di server situs: pemeriksaan tanpa peramban dan peramban sungguhan sama-sama gagal pada langkah “{ $step }”.
diagnosis-dns = Situs tidak dapat dijangkau: namanya tidak ditemukan.
diagnosis-connect = Situs tidak dapat dijangkau: sambungan tidak dapat dibuat, atau terputus.
diagnosis-tls = Situs tidak dapat dijangkau dengan aman: sertifikat atau enkripsinya gagal.
diagnosis-plain-refused = Di peramban sungguhan berfungsi; hanya pemeriksaan tanpa peramban yang ditolak atau gagal.
diagnosis-http-only = Hanya terlihat lewat pemeriksaan tanpa peramban: tidak ada peramban sungguhan yang mencoba pada waktu itu.
diagnosis-browser-only = Hanya terlihat di peramban sungguhan: tidak ada pemeriksaan tanpa peramban yang mencoba pada waktu itu.
diagnosis-captcha = Uji robot menghalangi pemeriksaan kami; pemohon mungkin tidak menemuinya.
diagnosis-other-steps = Pemeriksaan tanpa peramban dan peramban sungguhan sama-sama gagal, tetapi pada langkah yang berbeda.
diagnosis-at-times = Satu cara pemeriksaan selalu gagal dan yang lain kadang-kadang; letak kesalahan tidak dapat dipastikan.
diagnosis-disagree = Hasil pemeriksaan kami tidak sejalan; letak kesalahan tidak dapat dipastikan dari luar.
diagnosis-short-front-end = Letak: halaman di peramban, bukan server.
diagnosis-short-server = Letak: server.
diagnosis-short-network = Letak: jalan menuju server.
diagnosis-short-plain-refused = Letak: hanya permintaan tanpa peramban.
diagnosis-detail = Di peramban: { $text }

## Mengapa tidak diketahui

reason-no-data = Belum pernah diperiksa.
reason-stale = Pemeriksaan terakhir sudah terlalu lama untuk menggambarkan keadaan sekarang.
reason-not-reached = Langkah sebelumnya gagal, sehingga tidak ada yang sampai ke sini.
reason-not-configured = Tidak dipantau: akun uji belum ada.
reason-cut-off = Sambungan internet kami sendiri terputus.
reason-ourselves = Ada yang rusak di pihak kami.
reason-blocked = Pemantau kami tertahan pemeriksaan robot. Pengunjung mungkin tetap bisa masuk.
reason-confirming = Pemeriksaan pertama gagal dan sedang diulang.
gap-stopped = Pemantauan kami tidak berjalan.
gap-asleep = Komputer pemantau kami tidur atau berhenti sementara.
gap-clock = Jam komputer pemantau kami salah atau diatur ulang; waktu yang tercatat saat itu tidak pasti.

## 90 hari

history-title = 90 hari terakhir
history-intro = Keadaan setiap bagian situs dari hari ke hari. Pemeriksaan yang tidak memberi kepastian tidak dihitung dalam persentase.
history-legend = Arti batang
history-no-bad-days = Tidak ada hari dengan gangguan.
history-bad-days = Hari dengan gangguan, pemeliharaan, atau layanan menurun
history-day = Hari
history-what = Kejadian
history-down = Lama kendala

## Periksa sendiri

check-title = Situsnya, atau saya?
check-verdict-up = Dari tempat kami memantau, situs berfungsi. Jika gagal bagi Anda, periksa hal-hal ini satu per satu.
check-verdict-slow = Situs lambat bagi semua orang. Hal-hal ini mungkin tetap membantu.
check-verdict-down = Kendalanya di pihak situs. Jika kendala Anda ada di bagian yang berfungsi, periksa hal-hal ini satu per satu.
check-verdict-maintenance = Situs sedang dalam pemeliharaan terjadwal. Mohon tunggu sampai selesai.
check-verdict-unknown = Saat ini kami tidak tahu. Periksa hal-hal ini satu per satu.
check-connection-title = Koneksi internet Anda
check-connection-1 = Buka situs web lain. Jika gagal juga, masalahnya pada koneksi Anda.
check-connection-2 = Ganti dari Wi-Fi ke data seluler, atau sebaliknya.
check-connection-3 = Matikan VPN atau proksi, lalu coba lagi.
check-size-title = Ukuran dan jenis dokumen Anda
check-size-1 = Lihat ukuran berkas: harus di bawah batas yang tertulis di dekat tempat unggah.
check-size-2 = Kirim jenis yang diminta: foto sebagai JPG atau PNG, surat sebagai PDF. Kirim halaman paspor sebagai gambar.
check-size-3 = Terlalu besar? Potret ulang dengan resolusi lebih rendah, atau simpan PDF dengan ukuran lebih kecil.
check-device-title = Perangkat atau peramban lain
check-device-1 = Coba jendela samaran (privat), agar tidak ada data lama yang mengganggu.
check-device-2 = Coba peramban lain.
check-device-3 = Coba perangkat lain: komputer sebagai ganti ponsel.
check-address-title = Alamat yang benar
check-address-text = Ada situs visa palsu. Ajukan dan bayar hanya di situs resmi:
check-still-title = Masih gagal
check-still-text = Berarti layak dilaporkan. Sebutkan apa saja yang sudah Anda periksa: kantor langsung melihat bahwa masalahnya bukan koneksi, berkas, atau perangkat Anda.

## Untuk pembaca halaman status

statuspage-operational = Semua sistem beroperasi normal
statuspage-maintenance = Sedang dalam pemeliharaan
statuspage-partly-unknown = Sebagian tidak diketahui: tidak semua dapat diperiksa
statuspage-unknown = Tidak diketahui: tidak ada yang dapat diperiksa
statuspage-degraded = Layanan menurun
statuspage-partial-outage = Gangguan sebagian
statuspage-outage = Gangguan total
statuspage-unknown-component = Tidak diketahui: { $reason }
statuspage-incident = { $component }: { $state }
