//! A running Siaga with the reporting endpoint and the office, and a client for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use serde_json::Value;
use siaga::domain::diagnosis::{Cause, Diagnosis};
use siaga::domain::history::Outage;
use siaga::domain::outage::Rules;
use siaga::domain::outage::Severity;
use siaga::domain::run::ScriptError;
use siaga::domain::{Fault, Moment};
use siaga::evidence::EvidenceStore;
use siaga::http_client::HttpClients;
use siaga::pictures::Drawer;
use siaga::store::Store;
use siaga::store::outages;
use siaga::store::reports::{self as rows, Case, Screenshot};
use siaga::store::seal::MasterKeys;
use siaga::system::SystemRandom;
use siaga::web::archive;
use siaga::web::desk::{ComponentName, Desk};
use siaga::web::duty::{self, DutyState};
use siaga::web::format::Zone;
use siaga::web::office::{self, OfficeState};
use siaga::web::reading::Reader;
use siaga::web::reports::{self, ReportsState};
use siaga::web::{Limits, PageCache, Pages, Server, Site};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::harness::{NOON, TestClock, adopt, component, folder};

/// A running Siaga.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) store: Store,
    pub(crate) keys: MasterKeys,
    pub(crate) clock: TestClock,
    pub(crate) desk: Desk,
    pub(crate) client: Client,
    pub(crate) screenshots: PathBuf,
    pub(crate) evidence: EvidenceStore,
    _folder: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

pub(crate) fn keys() -> MasterKeys {
    MasterKeys::new(vec![("k1".to_owned(), [7; 32])]).unwrap()
}

/// With the usual settings.
pub(crate) async fn start(store: &Store) -> Running {
    start_with(store, reports::Settings::default(), None).await
}

/// With other settings, or another folder of screenshots.
pub(crate) async fn start_with(
    store: &Store,
    settings: reports::Settings,
    screenshots: Option<PathBuf>,
) -> Running {
    let folder = folder();
    let screenshots = screenshots.unwrap_or_else(|| {
        let path = folder.path().join("screenshots");
        std::fs::create_dir(&path).unwrap();
        path
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let site = Arc::new(Site {
        name_id: "Izin Tinggal Online".to_owned(),
        name_en: "Izin Tinggal Online".to_owned(),
        helpdesk: None,
        overstay_per_day_idr: None,
        url: "https://evisa.example".to_owned(),
        official_domains: vec!["evisa.example".to_owned()],
        own_url: url.clone(),
        zone: Zone::Wib,
        rehearsal: true,
        contact: None,
        components: [
            "website",
            "sign-in",
            "application",
            "upload",
            "notification",
            "tracking",
        ]
        .map(|key| ComponentName::plain(component(key)))
        .into(),
    });
    let clock = TestClock::at(NOON);
    let keys = adopt(store, &keys()).await;
    let desk = Desk {
        store: store.clone(),
        keys: keys.clone().into(),
        clock: clock.shared(),
        random: Arc::new(SystemRandom),
        site: Arc::clone(&site),
        screenshots: Arc::new(screenshots.clone()),
        drawer: Drawer::new(env!("CARGO_BIN_EXE_siaga")),
    };
    let evidence = EvidenceStore::open(folder.path().join("evidence")).unwrap();
    let reader = Reader {
        store: store.clone(),
        site: Arc::clone(&site),
        components: desk.component_ids().into(),
        rules: Arc::new(Rules::default()),
    };
    let duty = DutyState::new(desk.clone(), reader.clone(), evidence.clone());
    let router = reports::router(ReportsState::new(desk.clone(), settings)).merge(office::router(
        OfficeState::new(desk.clone(), office::Settings::default()),
    ));
    let router = router
        .merge(duty::router(duty))
        .merge(archive::router(reader, clock.shared()))
        .merge(siaga::web::evidence::router(
            store.clone(),
            evidence.clone(),
        ));
    let pages = Arc::new(PageCache::new(Pages::new(false)));
    // Tests send the address of a client along.
    let limits = Limits {
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Limits::default()
    };
    let server = Arc::new(Server::new(pages, router, site, limits));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(server.serve(listener, stopped));
    let client = HttpClients::new(None, &[])
        .unwrap()
        .plain(Duration::from_secs(120))
        .unwrap();
    Running {
        url,
        store: store.clone(),
        keys,
        clock,
        desk,
        client,
        screenshots,
        evidence,
        _folder: folder,
        _stop: stop,
    }
}

/// Fields of a report that is right.
pub(crate) fn fields() -> Vec<(&'static str, String)> {
    [
        ("role", "holder"),
        ("name", "Zhang Wei"),
        ("nationality", "China"),
        ("passport_number", "e1234567 8"),
        ("permit_type", "itas"),
        ("permit_expires_on", "2026-08-09"),
        ("office", "ngurah-rai"),
        ("email", "Zhang@Example.org"),
        ("component", "upload"),
        ("tried_at", "2026-08-06T12:00:00+07:00"),
        ("tries", "3"),
        ("message", "500 • KENDALA SERVER"),
        ("checked", "connection"),
        ("checked", "size"),
        ("submitted", "no"),
        ("consent", "yes"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

/// The same with one field changed; `""` takes it out.
pub(crate) fn fields_with(field: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let mut fields = fields();
    fields.retain(|(name, _)| *name != field);
    if !value.is_empty() {
        fields.push((field, value.to_owned()));
    }
    fields
}

/// As a multipart body.
pub(crate) fn form(fields: &[(&'static str, String)]) -> Form {
    fields.iter().fold(Form::new(), |form, (name, value)| {
        form.text(*name, value.clone())
    })
}

/// A file called `name`.
pub(crate) fn file(name: &str, bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name(name.to_owned())
}

/// A PNG of this size with a recognisable first pixel.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut picture = image::RgbImage::new(width, height);
    picture.put_pixel(0, 0, image::Rgb([200, 10, 20]));
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

/// The report that an answer acknowledges, as it is kept, and its screenshots.
pub(crate) async fn kept(store: &Store, answer: &Value) -> (Case, Vec<Screenshot>) {
    let reference = answer["reference"]
        .as_str()
        .expect("a reference")
        .to_owned();
    let read = store.read(move |mut conn| {
        Box::pin(async move {
            let case = rows::by_reference(&mut conn, &reference).await?;
            let case = case.expect("what was acknowledged is found");
            let shots = rows::screenshots(&mut conn, &case.id).await?;
            Ok((case, shots))
        })
    });
    read.await.expect("it is read")
}

impl Running {
    /// Sends a report to the API.
    pub(crate) async fn report(&self, form: Form) -> Response {
        self.client
            .post(format!("{}/api/v1/reports", self.url))
            .header("accept", "application/json")
            .multipart(form)
            .send()
            .await
            .unwrap()
    }

    /// Sends a report that is right; gives what was answered.
    pub(crate) async fn report_right(&self, fields: &[(&'static str, String)]) -> Value {
        let answer = self.report(form(fields)).await;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 201, "{body}");
        body
    }

    /// The same from this address, a second after whatever was before.
    pub(crate) async fn report_from(
        &self,
        address: &str,
        fields: &[(&'static str, String)],
    ) -> Value {
        self.clock.advance(Duration::from_secs(1));
        let request = self
            .client
            .post(format!("{}/api/v1/reports", self.url))
            .header("accept", "application/json")
            .header("x-forwarded-for", address)
            .multipart(form(fields));
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 201, "{body}");
        body
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap()
    }

    /// Judges everything again that may have changed.
    pub(crate) async fn judge_again(&self) -> reports::Judged {
        let stop = watch::channel(false).1;
        reports::judge_again(&self.desk, &stop).await.unwrap()
    }

    /// The names of the files of screenshots.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.screenshots)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// How many reports there are.
    pub(crate) async fn count(&self) -> i64 {
        self.store
            .read(|mut conn| {
                Box::pin(async move {
                    let open = siaga::store::reports::Which::Open;
                    siaga::store::reports::count(&mut conn, None, open).await
                })
            })
            .await
            .unwrap()
    }

    /// An outage of a component over this span.
    pub(crate) async fn outage(&self, id: &str, of: &str, began: Moment, ended: Option<Moment>) {
        let outage = Outage {
            id: id.to_owned(),
            component: component(of),
            severity: Severity::Down,
            worst: Severity::Down,
            intermittent: false,
            planned: false,
            began_at: began,
            confirmed_at: began,
            ended_at: ended,
            closed_at: ended,
            down_ms: 0,
            fault: Some(Fault::Status),
            diagnosis: Some(Diagnosis::FrontEnd {
                step: "Upload".to_owned(),
                cause: Some(Cause::ScriptError(ScriptError {
                    message: "TypeError: <b>x</b> is undefined".to_owned(),
                    source: "/assets/app.js:82".to_owned(),
                })),
            }),
            flow: "extension".to_owned(),
            step: "Upload".to_owned(),
            version: 1,
        };
        self.store
            .write(move |mut conn| {
                Box::pin(async move { outages::insert(&mut conn, &outage).await })
            })
            .await
            .unwrap();
    }
}

/// The errors of a problem as `field:problem`.
pub(crate) fn errors(problem: &Value) -> Vec<String> {
    problem["errors"]
        .as_array()
        .map(|errors| {
            errors
                .iter()
                .map(|one| {
                    assert!(one["message"].as_str().unwrap().len() > 10, "{one}");
                    format!(
                        "{}:{}",
                        one["field"].as_str().unwrap(),
                        one["problem"].as_str().unwrap()
                    )
                })
                .collect()
        })
        .unwrap_or_default()
}
