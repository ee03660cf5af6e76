//! The client against providers that speak TLS well, badly, or not to the end. Certificates are made on the spot.
//!
//! Before the handshake is done no byte of a request can have left, so a create is not sent; after it, the rules of any
//! connection hold. The server holds every reply against what it could decrypt.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::claims::announce;

/// Who signs the certificates of a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("randomness");
        Self(CertifiedIssuer::self_signed(params, key).expect("valid parameters"))
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate of this authority for `name`, as a server uses it. `change` spoils it.
    fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("randomness");
        let certificate = params.signed_by(&key, &self.0).expect("valid parameters");
        config(vec![certificate.der().clone()], &key)
    }
}

fn config(certificates: Vec<CertificateDer<'static>>, key: &KeyPair) -> ServerConfig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("a key that fits")
}

/// A connection that breaks off once so many bytes were written.
struct Budget<'s> {
    stream: &'s mut TcpStream,
    left: usize,
}

impl Read for Budget<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Budget<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.left);
        if count == 0 {
            return Err(io::Error::other("the budget is spent"));
        }
        let count = self.stream.write(&bytes[..count])?;
        self.left -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a server did with a connection.
struct Served {
    /// What it could decrypt.
    request: Vec<u8>,
    /// Whether it could say all that it had to.
    is_whole: bool,
}

/// Speaks TLS on `stream` with at most `budget` bytes, reads a request up to its body and gives `answer`, if any.
fn serve(
    config: &Arc<ServerConfig>,
    stream: &mut TcpStream,
    budget: usize,
    answer: Option<&str>,
) -> Served {
    let mut tls = ServerConnection::new(Arc::clone(config)).expect("a valid configuration");
    let mut wire = Budget {
        stream,
        left: budget,
    };
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        while tls.wants_write() {
            if tls.write_tls(&mut wire).is_err() {
                let is_whole = false;
                return Served { request, is_whole };
            }
        }
        if tls.read_tls(&mut wire).unwrap_or(0) == 0 || tls.process_new_packets().is_err() {
            let _ = tls.write_tls(&mut wire); // perhaps an alert
            break;
        }
        let _ = tls.reader().read_to_end(&mut request);
    }
    if let Some(answer) = answer {
        let _ = tls.writer().write_all(answer.as_bytes());
        tls.send_close_notify();
        while tls.wants_write() && tls.write_tls(&mut wire).is_ok() {}
    }
    Served {
        request,
        is_whole: true,
    }
}

/// A server of this configuration that answers with a task id.
fn serving(config: ServerConfig) -> Server {
    let config = Arc::new(config);
    let answer = http("200 OK", &[], r#"{"id":"a"}"#);
    Server::run(move |stream| serve(&config, stream, usize::MAX, Some(&answer)).request)
}

/// A client that trusts `authority` and no other, for a server that is asked for as `host`.
fn trusting(authority: &CertificateDer<'static>, server: &Server, host: &str) -> HttpApi {
    let plain = api(server.origin());
    let mut connections = Arc::into_inner(plain.0).expect("not shared");
    let address = format!("https://{host}:{}/v1", server.address.port());
    connections.create_url = Url::parse(&address).expect("valid");
    let root = reqwest::Certificate::from_der(authority).expect("a certificate");
    let client = submit_client(patient(), true).tls_certs_only([root]);
    connections.submit = client.build().expect("valid certificates");
    HttpApi(Arc::new(connections))
}

#[tokio::test]
async fn a_good_answer_over_tls_is_an_answer() {
    let authority = Authority::new();
    let server = serving(authority.server("127.0.0.1", |_| {}));
    let api = trusting(&authority.der(), &server, "127.0.0.1");
    let reply = api.submit(&request()).await;
    assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
    let seen = server.finish().await;
    assert!(seen[0].starts_with("POST "), "{seen:?}");
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_create_goes_out_over_http_1_also_where_http_2_is_offered() {
    let authority = Authority::new();
    let mut config = authority.server("127.0.0.1", |_| {});
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let server = serving(config);
    let api = trusting(&authority.der(), &server, "127.0.0.1");
    let reply = api.submit(&request()).await;
    assert!(matches!(reply, SubmitReply::Accepted { .. }), "{reply:?}");
    let seen = server.finish().await;
    assert!(seen[0].contains(" HTTP/1.1\r\n"), "{seen:?}");
}

#[tokio::test]
async fn a_certificate_that_is_not_right_is_not_sent_to_and_says_why() {
    let authority = Authority::new();
    let expired = authority.server("127.0.0.1", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let yet_to_come = authority.server("127.0.0.1", |params| {
        params.not_before = rcgen::date_time_ymd(2999, 1, 1);
    });
    let hostile_name = authority.server("evil\u{7f}.example.com", |_| {});
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("randomness");
    let self_signed = config(vec![own.cert.der().clone()], &own.signing_key);
    for (config, why) in [
        (expired, "expired"),
        (yet_to_come, "not valid yet"),
        (
            authority.server("api.example.com", |_| {}),
            "not valid for name",
        ),
        (hostile_name, "not valid for name"),
        (self_signed, "invalid peer certificate"),
        (
            Authority::new().server("127.0.0.1", |_| {}),
            "invalid peer certificate",
        ),
    ] {
        let server = serving(config);
        let api = trusting(&authority.der(), &server, "127.0.0.1");
        let reply = api.submit(&request()).await;
        let message = not_sent(&reply);
        assert!(message.contains(why), "no `{why}` in {message}");
        assert_eq!(server.finish().await, [""], "{why}");
    }
}

#[tokio::test]
async fn a_handshake_that_breaks_off_at_any_byte_is_not_sent_and_what_comes_after_it_is_in_doubt() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let authority = Authority::new();
        let key = KeyPair::generate().expect("randomness");
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
            .expect("a name")
            .signed_by(&key, &authority.0)
            .expect("valid parameters");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config = ServerConfig::builder_with_protocol_versions(&[version])
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a key that fits");
        config.send_tls13_tickets = 0; // so that the handshake is all that a server says unasked
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {}); // and is made anew each time
        let config = Arc::new(config);
        let budget = Arc::new(AtomicUsize::new(usize::MAX));
        let spent = Arc::clone(&budget);
        let whole = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&whole);
        let server = Server::run(move |stream| {
            let served = serve(&config, stream, spent.load(Ordering::SeqCst), None);
            noted.lock().expect("no panic").push(served.is_whole);
            let _ = stream.shutdown(Shutdown::Write);
            read_until_closed(stream);
            served.request
        });
        let api = trusting(&authority.der(), &server, "127.0.0.1");
        let mut replies = Vec::new();
        // Signatures differ in length from one handshake to the next: the first that is whole may not be the last.
        while whole
            .lock()
            .expect("no panic")
            .iter()
            .filter(|whole| **whole)
            .count()
            < 5
        {
            budget.store(replies.len(), Ordering::SeqCst);
            replies.push(api.submit(&request()).await);
        }
        let seen = server.finish().await;
        assert_eq!(seen.len(), replies.len(), "one connection a create");
        let whole = whole.lock().expect("no panic");
        for (count, (reply, seen)) in replies.iter().zip(&seen).enumerate() {
            if whole[count] {
                doubt(reply);
                assert!(seen.starts_with("POST "), "after {count} bytes: {seen}");
            } else {
                not_sent(reply);
                assert_eq!(seen, "", "after {count} bytes");
            }
        }
        let broken = whole.iter().filter(|whole| !**whole).count();
        announce(&format!(
            "wire: {:?} handshake broken after each of 0..{} bytes: {broken} not sent; broken after it: in doubt",
            version.version,
            whole.len(),
        ));
    }
}

#[tokio::test]
async fn a_handshake_that_the_provider_does_not_read_to_its_end_is_not_sent() {
    const HELLO: usize = 200;
    let budget = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&budget);
    let server = Server::run(move |stream| {
        let mut begun = vec![0; count.load(Ordering::SeqCst)];
        let _ = stream.read_exact(&mut begun);
        Vec::new() // the rest stays unread: the connection is reset
    });
    let api = tls_api(&server, patient());
    for count in 0..=HELLO {
        budget.store(count, Ordering::SeqCst);
        not_sent(&api.submit(&request()).await);
    }
    assert_eq!(server.finish().await.len(), HELLO + 1);
    announce(&format!(
        "wire: TLS hello read up to each of 0..={HELLO} bytes: all not sent"
    ));
}
