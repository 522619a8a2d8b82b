# Yang tampil di setiap halaman, dan halaman kesalahan.

skip-to-content = Langsung ke isi
brand-what = pemantau situs izin
navigation = Halaman
language-switch = Bahasa
nav-status = Status saat ini
nav-report = Laporkan kendala
nav-check = Periksa sendiri
nav-outages = Gangguan
nav-history = 90 hari

rehearsal-word = Latihan.
rehearsal-banner = Semua di sini tidak nyata: situs yang dipantau dan gangguannya hanya simulasi.
not-government = Pemantau independen, bukan situs pemerintah.
official-site-is = Situs resmi:

footer-independent = Siaga memantau situs izin dari luar, sebagaimana pemohon menggunakannya. Siaga tidak memutuskan apa pun tentang izin, dan permohonan tidak dapat diajukan di sini. Jangan pernah mengetik kata sandi atau membayar selain di situs resmi.
footer-privacy = Halaman ini tidak memasang kuki, tidak menjalankan skrip, dan tidak memuat apa pun dari tempat lain.
footer-programs = Untuk program:
footer-contact = Hubungi kami:

error-code = Kesalahan
error-to-status = Apakah situs izin sedang berfungsi?
error-not-found-title = Tidak ada halaman di sini
error-not-found-explanation = Alamatnya mungkin salah ketik, atau halamannya sudah pindah.
error-not-found-next = Mulailah lagi dari halaman status.
error-method-title = Alamat ini tidak menerima permintaan itu
error-method-explanation = Halamannya ada, tetapi bukan untuk jenis permintaan ini.
error-too-large-title = Kiriman terlalu besar
error-too-large-explanation = Yang Anda kirim melebihi batas situs ini, sehingga tidak ada yang disimpan.
error-too-large-next = Kembalilah, pilih gambar yang lebih kecil, lalu kirim lagi. Tangkapan layar jarang melebihi 2 MB.
error-timeout-title = Terlalu lama
error-timeout-explanation = Kiriman Anda tidak tiba seluruhnya pada waktunya, sehingga tidak ada yang disimpan. Biasanya karena koneksi lambat.
error-retry-next = Mohon tunggu beberapa detik, lalu coba lagi.
error-too-many-title = Terlalu banyak percobaan
error-too-many-explanation = Ada banyak permintaan dari koneksi Anda dalam waktu singkat.
error-busy-title = Pengunjung sedang sangat banyak
error-busy-explanation = Halaman ini belum dapat disiapkan saat ini. Tidak ada yang hilang.
error-forbidden-title = Anda tidak memiliki akses
error-forbidden-explanation = Halaman ini mengharuskan Anda masuk, atau bukan untuk akun Anda.
error-request-title = Permintaan itu tidak dapat dipahami
error-request-explanation = Ada yang kurang atau tidak sesuai dalam kiriman itu, sehingga tidak ada yang disimpan.
error-request-next = Kembalilah, periksa isian Anda, lalu kirim lagi.
error-ours-title = Ada yang rusak di pihak kami
error-ours-explanation = Kesalahan ada pada kami, bukan pada Anda, dan sudah dicatat.
