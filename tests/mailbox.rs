//! Waiting for mails in a real Dovecot.

mod tokens;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use siaga::domain::{Clock as _, Moment};
use siaga::probe::mailbox::{ImapMailbox, MailError, MailQuery, MailboxPosition};
use siaga::system::SystemClock;
use tempfile::TempDir;

use crate::harness::processes::{Group, free_port};

const PASSWORD: &str = "p@ss+w%rd";
const IN_URL: &str = "p%40ss+w%25rd";

/// A Dovecot of its own, with one mailbox that any user name opens. Stopped when dropped.
struct Dovecot {
    processes: Group,
    folder: TempDir,
    plain: u16,
    tls: u16,
}

impl Dovecot {
    fn start() -> Self {
        Self::checking(|_| {
            format!("passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n")
                .replace("w%rd", "w%%rd")
        })
    }

    /// One that finds out who a user is by these words of its configuration, which may name files
    /// in its folder.
    fn checking(auth: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::Builder::new().prefix("imap").tempdir().unwrap();
        let path = folder.path().to_owned();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let mine = fs::metadata(&path).unwrap();
        // Dovecot does not read mail as root.
        let (uid, gid) = match mine.uid() {
            0 => (65_534, 65_534),
            uid => (uid, mine.gid()),
        };
        for part in ["mail", "mail/new", "mail/cur", "mail/tmp"] {
            fs::create_dir(path.join(part)).unwrap();
            if mine.uid() == 0 {
                chown(path.join(part), Some(uid), Some(gid)).unwrap();
            }
        }
        certificate(&path);
        let plain = free_port();
        let tls = plain + 1;
        let unprivileged = if mine.uid() == 0 {
            String::new()
        } else {
            let user =
                String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
            let group =
                String::from_utf8(Command::new("id").arg("-gn").output().unwrap().stdout).unwrap();
            format!(
                "default_login_user = {user}default_internal_user = {user}default_internal_group = {group}\
                 service anvil {{\n  chroot =\n}}\nservice imap-login {{\n  chroot =\n}}\n"
            )
        };
        let config = format!(
            "base_dir = {run}/run\nstate_dir = {run}/state\nlog_path = {run}/log\n\
             protocols = imap\nlisten = 127.0.0.1\ndisable_plaintext_auth = no\n\
             ssl = yes\nssl_cert = <{run}/cert.pem\nssl_key = <{run}/key.pem\n\
             mail_location = maildir:{run}/mail\nfirst_valid_uid = 1\n{unprivileged}\
             {auth}\
             namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={run}/mail\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {plain}\n  }}\n\
             \x20 inet_listener imaps {{\n    port = {tls}\n  }}\n}}\n",
            run = path.display(),
            auth = auth(&path),
        );
        fs::write(path.join("dovecot.conf"), config).unwrap();
        let mut command = Command::new("dovecot");
        command
            .arg("-F")
            .arg("-c")
            .arg(path.join("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(path.join("stderr")).unwrap());
        // The whole group: it leaves a process with an open session behind otherwise.
        let processes = Group::start(&mut command);
        let dovecot = Dovecot {
            processes,
            folder,
            plain,
            tls,
        };
        let ready = (0..200).any(|_| {
            let up = TcpStream::connect((Ipv4Addr::LOCALHOST, plain)).is_ok();
            if !up {
                std::thread::sleep(Duration::from_millis(50));
            }
            up
        });
        assert!(ready, "dovecot does not listen: {}", dovecot.log());
        dovecot
    }

    fn log(&self) -> String {
        ["stderr", "log"]
            .map(|file| fs::read_to_string(self.folder.path().join(file)).unwrap_or_default())
            .concat()
    }

    fn mailbox(&self) -> ImapMailbox {
        quick(&format!("imap://probe:{IN_URL}@127.0.0.1:{}/", self.plain))
    }

    /// Puts a mail into the box as a delivery agent does: whole, in one step.
    fn deliver(&self, name: &str, text: &str, received: Moment) {
        let (tmp, new) = (self.path("tmp", name), self.path("new", name));
        fs::write(&tmp, text.replace('\n', "\r\n")).unwrap();
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o644)).unwrap();
        let at = UNIX_EPOCH + Duration::from_millis(received.0.try_into().unwrap());
        let file = fs::File::options().write(true).open(&tmp).unwrap();
        file.set_modified(at).unwrap();
        fs::rename(tmp, new).unwrap();
    }

    fn path(&self, part: &str, name: &str) -> PathBuf {
        self.folder.path().join("mail").join(part).join(name)
    }
}

/// An authority, and a certificate by it for `localhost`.
fn certificate(folder: &Path) {
    let script = "set -e; cd \"$1\"
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Test -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out request
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \\
            -extfile extensions -out cert.pem";
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

fn quick(url: &str) -> ImapMailbox {
    ImapMailbox::parse(url)
        .unwrap()
        .looking_every(Duration::from_millis(100))
        .with_patience(Duration::from_secs(5))
}

fn query(after: MailboxPosition) -> MailQuery {
    MailQuery {
        to: "probe+a1@example.org".into(),
        subject: "kode billing".into(),
        after,
    }
}

/// Before the first mail of a mailbox that numbers its mails so.
fn beginning(uid_validity: u32) -> MailboxPosition {
    MailboxPosition {
        uid_validity,
        uid_next: 1,
    }
}

fn notice(to: &str, subject: &str, billing: &str) -> String {
    format!(
        "From: Evisa <no-reply@evisa.example>\nTo: Somebody <{to}>\nSubject: {subject}\n\
         Date: Fri, 06 Aug 2021 07:00:00 +0000\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
         Kode billing Anda: {billing} – bayar sebelum besok.\n"
    )
}

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_right_mail_is_found_among_others() {
    let dovecot = Dovecot::start();
    let now = SystemClock.now();
    let right = "probe+a1@example.org";
    let mailbox = dovecot.mailbox();
    dovecot.deliver("1", &notice(right, "Kode billing 1", "111"), now);
    let before = mailbox.position().await.unwrap();
    dovecot.deliver(
        "2",
        &notice("xprobe+a1@example.org", "Kode billing 2", "222"),
        now,
    );
    dovecot.deliver(
        "3",
        &notice("probe+a1@example.org.evil", "Kode billing 3", "333"),
        now,
    );
    dovecot.deliver("4", &notice(right, "Selamat datang", "444"), now);

    let asked = query(before);
    let missing = mailbox.wait_for(&asked, SHORT).await;
    assert_eq!(
        missing,
        Err(MailError::Missing {
            subject: "kode billing".into(),
            waited: SHORT
        })
    );
    assert!(missing.unwrap_err().is_missing());

    let (found, ()) = tokio::join!(mailbox.wait_for(&asked, LONG), async {
        // While it waits: an encoded subject, capitals in the address.
        tokio::time::sleep(Duration::from_millis(300)).await;
        dovecot.deliver(
            "5",
            &notice(
                "Probe+A1@Example.org",
                "=?utf-8?Q?Permohonan_=E2=80=93_KODE_billing?=",
                "820210806000123",
            ),
            SystemClock.now(),
        );
    });
    let mail = found.unwrap_or_else(|error| panic!("{error}: {}", dovecot.log()));
    assert_eq!(mail.subject, "Permohonan – KODE billing");
    assert_eq!(mail.from, "no-reply@evisa.example");
    assert_eq!(mail.texts.len(), 1);
    let text = &mail.texts[0];
    assert!(text.contains("820210806000123 – bayar"), "{text}");

    // Looking changes nothing: the mail is found again, and still unread.
    assert_eq!(mailbox.wait_for(&asked, LONG).await.unwrap(), mail);
    let read: Vec<String> = fs::read_dir(dovecot.folder.path().join("mail/cur"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with('S'))
        .collect();
    assert!(read.is_empty(), "{read:?}");
}

#[tokio::test]
async fn no_clock_decides_which_mail_is_new() {
    let dovecot = Dovecot::start();
    let mailbox = dovecot.mailbox();
    let now = SystemClock.now();
    let text = |billing| notice("probe+a1@example.org", "Kode billing", billing);
    // There before, by a clock that is ahead of ours; then one by a clock that is behind.
    dovecot.deliver("1", &text("111"), now + HOUR);
    let before = mailbox.position().await.unwrap();
    let missing = mailbox.wait_for(&query(before), SHORT).await;
    assert!(missing.unwrap_err().is_missing());
    for (name, behind) in [("2", 5), ("3", 60), ("4", 3 * 86_400)] {
        let before = mailbox.position().await.unwrap();
        dovecot.deliver(name, &text(name), now - Duration::from_secs(behind));
        let mail = mailbox.wait_for(&query(before), LONG).await;
        let mail = mail.unwrap_or_else(|error| panic!("{behind} s behind: {error}"));
        assert!(
            mail.texts[0].contains(&format!("Anda: {name} ")),
            "{mail:?}"
        );
    }
}

#[tokio::test]
async fn a_mailbox_that_was_numbered_anew_says_nothing_of_the_site() {
    let dovecot = Dovecot::start();
    let mailbox = dovecot.mailbox();
    let mut before = mailbox.position().await.unwrap();
    before.uid_validity -= 1;
    let error = mailbox.wait_for(&query(before), HOUR).await.unwrap_err();
    assert!(matches!(error, MailError::Unclear(_)), "{error:?}");
}

#[tokio::test]
async fn a_recipient_that_only_the_envelope_names_is_found() {
    let dovecot = Dovecot::start();
    let mailbox = dovecot.mailbox();
    let now = SystemClock.now();
    let with = |header: &str| {
        let to = notice("undisclosed@example.net", "Kode billing", "1");
        to.replace("MIME-Version", &format!("{header}\nMIME-Version"))
    };
    for (name, header) in [
        "Envelope-To: probe+a1@example.org",
        "X-Original-To: Probe+A1@example.org",
        "Delivered-To: somebody@example.net\nDelivered-To: <probe+a1@example.org>",
        "Envelope-To: other@example.org,\n probe+a1@example.org",
        "Cc: Probe <probe+a1@example.org>",
    ]
    .into_iter()
    .enumerate()
    {
        let before = mailbox.position().await.unwrap();
        let name = name.to_string();
        dovecot.deliver(
            &format!("{name}-other"),
            &with("X-Note: probe+a1@example.org"),
            now,
        );
        let missing = mailbox.wait_for(&query(before), SHORT).await;
        assert!(missing.unwrap_err().is_missing(), "{header}");
        dovecot.deliver(&name, &with(header), now);
        let found = mailbox.wait_for(&query(before), LONG).await;
        assert!(found.is_ok(), "{header}: {found:?}");
    }
}

#[tokio::test]
async fn what_only_the_html_part_says_is_read_too() {
    let dovecot = Dovecot::start();
    let mailbox = dovecot.mailbox();
    let before = mailbox.position().await.unwrap();
    let both = "From: a@b.example\nTo: probe+a1@example.org\nSubject: Kode billing\n\
                MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=x\n\n\
                --x\nContent-Type: text/plain\n\nPlease use an HTML reader.\n\
                --x\nContent-Type: text/html; charset=utf-8\n\n\
                <html><head><style>td { color: red }</style></head><body><div>Halo</div>\
                <table><tr><td>Kode billing</td><td><b>820</b>210</td></tr></table>\
                <p>Bayar &lt; 24 jam</p></body></html>\n--x--\n";
    dovecot.deliver("1", both, SystemClock.now());
    let mail = mailbox.wait_for(&query(before), LONG).await.unwrap();
    assert_eq!(mail.texts.len(), 2, "{mail:?}");
    assert!(mail.texts[0].contains("HTML reader"), "{mail:?}");
    assert!(mail.texts[1].contains("Kode billing 820210\n"), "{mail:?}");
    assert!(mail.texts[1].contains("Bayar < 24 jam"), "{mail:?}");
}

#[tokio::test]
async fn more_mails_than_one_look_reads_hide_none() {
    let dovecot = Dovecot::start();
    let mailbox = dovecot.mailbox();
    let before = mailbox.position().await.unwrap();
    let now = SystemClock.now();
    let right = notice("probe+a1@example.org", "Kode billing", "right");
    dovecot.deliver("0000", &right, now - HOUR);
    let other = notice("other@example.org", "Kode billing", "other");
    for number in 1..450 {
        dovecot.deliver(&format!("{number:04}"), &other, now);
    }
    let mail = mailbox.wait_for(&query(before), LONG).await.unwrap();
    assert!(mail.texts[0].contains("right"), "{mail:?}");
}

#[tokio::test]
async fn html_and_huge_mails_are_read_within_bounds() {
    let dovecot = Dovecot::start();
    let (mailbox, now) = (dovecot.mailbox(), SystemClock.now());
    let before = mailbox.position().await.unwrap();
    let html = notice("probe+a1@example.org", "Kode billing", "1")
        .replace("text/plain", "text/html")
        .replace("Anda: 1", "<b>777</b>");
    let huge = html + &"<p>x</p>\n".repeat(400_000);
    dovecot.deliver("1", &huge, now);
    let mail = mailbox.wait_for(&query(before), LONG).await.unwrap();
    let text = &mail.texts[0];
    assert!(text.contains("777"), "{}", &text[..80]);
    assert!(text.len() < 1_000_000);
}

#[tokio::test]
async fn encrypted_with_a_certificate_that_is_trusted_and_not_otherwise() {
    let dovecot = Dovecot::start();
    let before = dovecot.mailbox().position().await.unwrap();
    dovecot.deliver(
        "1",
        &notice("probe+a1@example.org", "Kode billing", "1"),
        SystemClock.now(),
    );
    let url = format!("imaps://probe:{IN_URL}@localhost:{}/INBOX", dovecot.tls);
    let ca = dovecot.folder.path().join("ca.pem");
    let trusting = quick(&format!("{url}?ca={}", ca.display()));
    let found = trusting.wait_for(&query(before), LONG).await;
    assert!(found.is_ok(), "{found:?} {}", dovecot.log());
    let error = quick(&url)
        .wait_for(&query(before), SHORT)
        .await
        .unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn starttls_is_demanded_and_nothing_is_said_in_clear() {
    let dovecot = Dovecot::start();
    let ca = dovecot.folder.path().join("ca.pem");
    let url = |port| {
        let ca = ca.display();
        format!("imap://probe:{IN_URL}@localhost:{port}/?starttls=1&ca={ca}")
    };
    let mailbox = quick(&url(dovecot.plain));
    let before = mailbox.position().await.unwrap();
    let text = notice("probe+a1@example.org", "Kode billing", "1");
    dovecot.deliver("1", &text, SystemClock.now());
    let found = mailbox.wait_for(&query(before), LONG).await;
    assert!(found.is_ok(), "{found:?} {}", dovecot.log());
    // A certificate that is not trusted, and then somebody in between who takes STARTTLS away.
    let plain = dovecot.plain;
    let untrusted = format!("imap://probe:{IN_URL}@localhost:{plain}/?starttls=1");
    let error = quick(&untrusted).position().await.unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
    for greeting in ["* OK ready\r\n", "* PREAUTH welcome\r\n"] {
        for answer in [
            "TAG BAD no\r\n",
            "TAG NO no\r\n",
            "TAG OK go\r\n* OK go\r\n",
            "",
        ] {
            let (port, said) = without_starttls(greeting, answer);
            assert!(quick(&url(port)).position().await.is_err(), "{answer:?}");
            let said = said.lock().unwrap();
            assert!(said.windows(8).any(|part| part == b"STARTTLS"));
            let login = said.windows(5).any(|part| part == b"LOGIN");
            assert!(!login && !String::from_utf8_lossy(&said).contains("p@ss"));
        }
    }
}

/// A server that answers STARTTLS with this and does not encrypt. Gives what it was told.
fn without_starttls(greeting: &'static str, answer: &'static str) -> (u16, Arc<Mutex<Vec<u8>>>) {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.write_all(greeting.as_bytes());
            let mut bytes = [0; 4096];
            let mut command = String::new();
            while let Ok(length @ 1..) = connection.read(&mut bytes) {
                heard.lock().unwrap().extend_from_slice(&bytes[..length]);
                command += &String::from_utf8_lossy(&bytes[..length]);
                if !command.ends_with("STARTTLS\r\n") {
                    continue;
                }
                let tag = command.split(' ').next().unwrap();
                let _ = connection.write_all(answer.replace("TAG", tag).as_bytes());
                if answer.is_empty() {
                    break;
                }
            }
        }
    });
    (port, said)
}

#[tokio::test]
async fn a_folder_may_have_letters_beyond_ascii() {
    let dovecot = Dovecot::start();
    // As the server keeps them on disk.
    for (name, on_disk) in [
        ("Отправленные", "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"),
        ("台北/日本語", "&U,BTFw-.&ZeVnLIqe-"),
        ("Surat & 😀 café", "Surat &- &2D3eAA- caf&AOk-"),
    ] {
        let url = format!("imap://probe:{IN_URL}@127.0.0.1:{}/{name}", dovecot.plain);
        let missing = quick(&url).position().await.unwrap_err();
        assert!(
            matches!(missing, MailError::Refused(_)),
            "{name}: {missing:?}"
        );
        for part in ["", "new", "cur", "tmp"] {
            let path = dovecot.path(&format!(".{on_disk}"), part);
            fs::create_dir(&path).unwrap();
            if fs::metadata(dovecot.folder.path()).unwrap().uid() == 0 {
                chown(path, Some(65_534), Some(65_534)).unwrap();
            }
        }
        let found = quick(&url).position().await;
        assert!(found.is_ok(), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_our_fault_and_final() {
    let dovecot = Dovecot::start();
    let url = format!("imap://probe:wrong@127.0.0.1:{}/", dovecot.plain);
    let (mailbox, asked) = (quick(&url), query(beginning(1)));
    let refused = tokio::time::timeout(LONG, mailbox.wait_for(&asked, HOUR));
    let error = refused
        .await
        .expect("it does not go on trying")
        .unwrap_err();
    assert!(matches!(error, MailError::Refused(_)), "{error:?}");
    let url = format!("imap://probe:{IN_URL}@127.0.0.1:{}/Nowhere", dovecot.plain);
    let error = quick(&url)
        .wait_for(&query(beginning(1)), HOUR)
        .await
        .unwrap_err();
    assert!(matches!(error, MailError::Refused(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_for_good_is_our_fault() {
    let mut dovecot = Dovecot::start();
    let mailbox = dovecot.mailbox();
    let asked = query(mailbox.position().await.unwrap());
    let waiting =
        tokio::spawn(async move { mailbox.wait_for(&asked, Duration::from_secs(3)).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    dovecot.processes.kill();
    assert!(!waiting.is_finished(), "the stop came too late");
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_our_fault_and_does_not_hold_us() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mailbox =
        quick(&format!("imap://a:b@127.0.0.1:{port}/")).with_patience(Duration::from_millis(300));
    let asked = query(beginning(1));
    let waiting = mailbox.wait_for(&asked, SHORT);
    let error = tokio::time::timeout(LONG, waiting)
        .await
        .expect("it ends")
        .unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
}

#[test]
fn addresses_of_mailboxes_are_read_and_refused_clearly() {
    let good = ImapMailbox::parse("imaps://me%40example.org:s3cret@mail.example.org/Post").unwrap();
    assert_eq!(format!("{good:?}"), "imaps://…@mail.example.org:993/Post");
    for local in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
        ImapMailbox::parse(&format!("imap://a:b@{local}/")).unwrap();
    }
    assert!(ImapMailbox::parse("imap://a:b@mail.example.org/?plain=1").is_ok());
    assert!(ImapMailbox::parse("imap://a:b@mail.example.org/?starttls=1").is_ok());
    for (url, told) in [
        ("imap://me:s3cret@mail.example.org/", "is not encrypted"),
        (
            "imap://me:s3cret@localhost.example.org/",
            "is not encrypted",
        ),
        (
            "http://me:s3cret@mail.example.org/",
            "must begin with imaps://",
        ),
        ("imaps://me@mail.example.org/", "no password"),
        (
            "imaps://me:s3cret@mail.example.org/?ssl=0",
            "unknown option `ssl`",
        ),
        (
            "imaps://me:s3cret@mail.example.org/?ca=/nowhere.pem",
            "/nowhere.pem",
        ),
        (
            "imaps://me:s3cret@mail.example.org/?starttls=1",
            "goes with imap://",
        ),
        (
            "imap://me:s3cret@localhost/?starttls=1&plain=1",
            "without `plain`",
        ),
        (
            "imap://me:s3cret@mail.example.org/?starttls=0",
            "unknown option",
        ),
        ("s3cret", "is none"),
    ] {
        let error = ImapMailbox::parse(url).unwrap_err().to_string();
        assert!(
            error.contains(told) && !error.contains("s3cret"),
            "{url}: {error}"
        );
    }
}

#[tokio::test]
async fn an_address_that_would_change_the_search_is_refused() {
    let mailbox = quick("imap://a:b@127.0.0.1:1/");
    for to in ["a@b\r\nA1 DELETE INBOX", "a@b\" ALL", "nobody", "Ж@b"] {
        let asked = MailQuery {
            to: to.into(),
            ..query(beginning(1))
        };
        let error = mailbox.wait_for(&asked, SHORT).await.unwrap_err();
        assert!(matches!(error, MailError::Unusable(_)), "{error:?}");
    }
}

/// A server that lets everyone in, and answers the search as told before it hangs up.
fn scripted(answer_to_search: &'static str) -> ImapMailbox {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let lines = BufReader::new(connection.try_clone().unwrap()).lines();
            connection.write_all(b"* OK ready\r\n").unwrap();
            for line in lines.map_while(Result::ok) {
                let (tag, command) = line.split_once(' ').unwrap();
                if command.starts_with("UID SEARCH") {
                    let answer = answer_to_search.replace("TAG", tag);
                    connection.write_all(answer.as_bytes()).unwrap();
                    if answer.ends_with("OK done\r\n") {
                        continue;
                    }
                    break;
                }
                if command.starts_with("EXAMINE") {
                    let numbers = "* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n";
                    connection.write_all(numbers.as_bytes()).unwrap();
                }
                let done = format!("{tag} OK done\r\n");
                connection.write_all(done.as_bytes()).unwrap();
            }
        }
    });
    quick(&format!("imap://a:b@127.0.0.1:{port}/"))
}

#[tokio::test]
async fn a_search_that_broke_or_was_refused_did_not_find_nothing() {
    let asked = query(beginning(1));
    for (answer, refused) in [
        ("", false),
        ("* SEARCH\r\n", false),
        ("* BYE shutting down\r\n", false),
        ("TAG NO the index is broken\r\n", true),
        ("TAG BAD what?\r\n", true),
    ] {
        let error = scripted(answer).wait_for(&asked, SHORT).await.unwrap_err();
        assert_eq!(matches!(error, MailError::Refused(_)), refused, "{error:?}");
        assert!(!error.is_missing(), "{answer:?}: {error:?}");
    }
    let nothing = scripted("* SEARCH\r\nTAG OK done\r\n");
    let error = nothing.wait_for(&asked, Duration::ZERO).await.unwrap_err();
    assert!(error.is_missing(), "{error:?}");
}
