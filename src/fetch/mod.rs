//! Fetches files from addresses that somebody else wrote down: references of a manifest, results of a provider.
//!
//! Start at [`Fetcher`]. Unlike the client of the API it has no key and can be given none, keeps no cookies, and is
//! careful where it goes: an address may lead to the machine itself or into the network around it, directly, by the
//! name server's word, or by a redirect. So each host is looked up once, its addresses are judged ([`private_kind`]),
//! and the connection goes to one that was judged; a redirect is followed by hand, at most [`MOST_REDIRECTS`] times,
//! each judged like the first. Every wait and every body is bounded.
//!
//! Where the user has configured a proxy, the proxy makes the connection, and looks the name up again where nobody here
//! can see it. The name is still judged here first, if it can be looked up at all: what is private is refused, and
//! private addresses that are allowed are asked directly and never shown to the proxy.

mod address;
mod names;
mod post;

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
};
use reqwest::{Client, ClientBuilder, Method, Response, Url};
use url::Host;

pub use self::address::private_kind;
use self::names::{Judge, LookUp, Names, Pinned};
pub use self::post::{host_of, post_json};
use crate::text::{clean, without_passwords};
use crate::units::show_duration;

/// Most redirects of one request that are followed.
pub const MOST_REDIRECTS: usize = 5;

/// Whether addresses that are not on the public internet may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Private {
    /// No.
    Refuse,
    /// Yes: the user says that they are meant.
    Allow,
    /// Only those of this kind, by the words of [`private_kind`]: the API itself is at one.
    Like(&'static str),
}

/// Which proxy public addresses are asked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proxies {
    /// The one that environment or system name, if any.
    System,
    /// This one.
    At(String),
    /// None.
    None,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchTimers {
    /// For name look-up, connection and TLS.
    pub connect: Duration,
    /// For the head of an answer, and between two pieces of its body.
    pub idle: Duration,
    /// For a request with its redirects and its body.
    pub total: Duration,
}

/// What a fetcher needs to know.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    /// Where it may go.
    pub private: Private,
    /// Through what.
    pub proxies: Proxies,
    /// How long.
    pub timers: FetchTimers,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No http(s) address.
    #[error("`{0}` is not an http(s) address")]
    NotHttp(String),
    /// It is on no public network, and that is not allowed.
    #[error("{}", private_words(host, *address))]
    Private {
        /// The host as it was named.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
    /// The name server knows no such host.
    #[error("there is no host `{host}`")]
    NoSuchName {
        /// The host.
        host: String,
    },
    /// The name server cannot be asked.
    #[error("the address of `{host}` cannot be looked up now")]
    NoNameServer {
        /// The host.
        host: String,
    },
    /// More than [`MOST_REDIRECTS`] redirects.
    #[error("it redirects more than {MOST_REDIRECTS} times")]
    Redirects,
    /// A redirect that leads nowhere.
    #[error("it redirects to {0}")]
    BadRedirect(String),
    /// No connection, no answer in time, or an answer that broke off.
    #[error("{0}")]
    Trouble(String),
}

fn private_words(host: &str, address: IpAddr) -> String {
    let kind = private_kind(address).unwrap_or("an address that is not public");
    if host == address.to_string() {
        format!("`{host}` is {kind}")
    } else {
        format!("`{host}` is at `{address}`, {kind}")
    }
}

impl FetchError {
    fn private(host: &str, address: IpAddr) -> Self {
        Self::Private {
            host: clean(host, 100),
            address,
        }
    }
}

/// Bytes of a file: from this offset, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Offset of the first byte.
    pub from: u64,
    /// How many bytes; `None` reads to the end.
    pub length: Option<u64>,
}

impl Part {
    fn header(self) -> String {
        let Self { from, length } = self;
        match length {
            Some(length) => format!("bytes={from}-{}", from.saturating_add(length.max(1)) - 1),
            None => format!("bytes={from}-"),
        }
    }
}

/// The rest of a file whose beginning was fetched before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Bytes that are there.
    pub from: u64,
    /// What the server called the version of the file that they are of: it sends the whole if it has another by now.
    pub validator: String,
}

/// What of a file is asked for.
#[derive(Debug, Clone, Copy)]
enum Extent<'a> {
    Whole,
    Part(Part),
    Rest(&'a Rest),
}

/// Asks for files, with no key and no cookies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher(Arc<Clients>);

#[derive(Debug)]
struct Clients {
    direct: Client,
    proxied: Option<(Client, Matcher)>,
    names: Arc<Names>,
    timers: FetchTimers,
}

impl Fetcher {
    /// Sets up the clients; asks for nothing. Fails only if no client can be made on this machine at all.
    pub fn new(settings: &FetchSettings) -> Result<Self, FetchError> {
        Self::on(settings, names::ask_the_system, private_kind)
    }

    fn on(settings: &FetchSettings, look_up: LookUp, judge: Judge) -> Result<Self, FetchError> {
        let timers = settings.timers;
        let names = Arc::new(Names::new(settings.private, look_up, judge));
        let pinned = Arc::new(Pinned(Arc::clone(&names)));
        let direct = build(|| client(timers).no_proxy().dns_resolver(Arc::clone(&pinned)))?;
        let proxied = match &settings.proxies {
            Proxies::System => Some((build(|| client(timers))?, Matcher::from_system())),
            Proxies::At(address) => {
                let proxy = reqwest::Proxy::all(address).map_err(|error| no_client(&error))?;
                let matcher = Matcher::builder().all(address.as_str()).build();
                let client = build(|| client(timers).no_proxy().proxy(proxy.clone()))?;
                Some((client, matcher))
            }
            Proxies::None => None,
        };
        Ok(Self(Arc::new(Clients {
            direct,
            proxied,
            names,
            timers,
        })))
    }

    /// Asks what is at `address`, without its content.
    pub async fn head(&self, address: &str) -> Result<Opened, FetchError> {
        self.0.open(Method::HEAD, address, Extent::Whole).await
    }

    /// Opens the file at `address`, or a part of it; the server decides whether it sends parts.
    pub async fn get(&self, address: &str, part: Option<Part>) -> Result<Opened, FetchError> {
        let extent = part.map_or(Extent::Whole, Extent::Part);
        self.0.open(Method::GET, address, extent).await
    }

    /// Opens what is left of the file at `address`, or the whole of it where that has changed since, or where the
    /// server does not send parts.
    pub async fn get_rest(&self, address: &str, rest: &Rest) -> Result<Opened, FetchError> {
        self.0.open(Method::GET, address, Extent::Rest(rest)).await
    }

    /// What kind of private address `address` leads to, if it does; `None` also if it cannot be looked up.
    pub async fn private_kind_of(&self, address: &str) -> Option<&'static str> {
        let names = &self.0.names;
        match http_url(address)?.host()? {
            Host::Ipv4(address) => names.kind(address.into()),
            Host::Ipv6(address) => names.kind(address.into()),
            Host::Domain(host) => {
                let found = tokio::time::timeout(self.0.timers.connect, names.all(host));
                let found = found.await.ok()?.ok()?;
                found.into_iter().find_map(|address| names.kind(address))
            }
        }
    }
}

impl Clients {
    async fn open(
        &self,
        method: Method,
        address: &str,
        extent: Extent<'_>,
    ) -> Result<Opened, FetchError> {
        let follow = self.follow(method, address, extent);
        match tokio::time::timeout(self.timers.total, follow).await {
            Ok(opened) => opened,
            Err(_) => Err(slow("no answer", self.timers.total)),
        }
    }

    /// Sends the request, and again to where it is redirected.
    async fn follow(
        &self,
        method: Method,
        address: &str,
        extent: Extent<'_>,
    ) -> Result<Opened, FetchError> {
        let mut url = http_url(address).ok_or_else(|| FetchError::NotHttp(shown(address)))?;
        for _ in 0..=MOST_REDIRECTS {
            let client = self.way_to(&url).await?;
            let response = self.send(client, &method, &url, extent).await?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Ok(Opened::new(response, url, self.timers.idle));
            }
            url = redirected(&url, response.headers())?;
        }
        Err(FetchError::Redirects)
    }

    async fn send(
        &self,
        client: &Client,
        method: &Method,
        url: &Url,
        extent: Extent<'_>,
    ) -> Result<Response, FetchError> {
        let mut request = client
            .request(method.clone(), url.clone())
            .timeout(self.timers.total)
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, "identity");
        match extent {
            Extent::Whole => {}
            Extent::Part(part) => request = request.header(RANGE, part.header()),
            Extent::Rest(Rest { from, validator }) => {
                request = request
                    .header(RANGE, format!("bytes={from}-"))
                    .header(IF_RANGE, validator);
            }
        }
        match tokio::time::timeout(self.timers.idle, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_timeout() => Err(FetchError::Trouble(format!(
                "no connection within {}",
                show_duration(self.timers.connect)
            ))),
            Ok(Err(error)) if error.is_connect() => Err(FetchError::Trouble(format!(
                "no connection: {}",
                cause(&error)
            ))),
            Ok(Err(error)) => Err(FetchError::Trouble(format!("no answer: {}", cause(&error)))),
            Err(_) => Err(slow("no answer", self.timers.idle)),
        }
    }

    /// The client that may ask for `url`, if any may. Whoever is asked directly is known to [`Names`] afterwards.
    async fn way_to(&self, url: &Url) -> Result<&Client, FetchError> {
        let proxied = self.proxied.as_ref().filter(|(_, matcher)| {
            let uri = url.as_str().parse();
            uri.is_ok_and(|uri| matcher.intercept(&uri).is_some())
        });
        let host = match url.host() {
            None => return Err(FetchError::NotHttp(shown(url.as_str()))),
            Some(Host::Ipv4(address)) => return self.way_to_number(address.into(), proxied),
            Some(Host::Ipv6(address)) => return self.way_to_number(address.into(), proxied),
            Some(Host::Domain(host)) => host,
        };
        let look_up = async {
            let Some((client, _)) = proxied else {
                self.names.permitted(host).await?;
                return Ok(&self.direct);
            };
            match self.names.all(host).await {
                // Only the proxy may know names of the world outside.
                Err(_) => Ok(client),
                Ok(found) => match found.into_iter().find(|at| self.names.is_private(*at)) {
                    None => Ok(client),
                    // A proxy may choose any of them.
                    Some(private) if self.names.refuses(private) => {
                        Err(FetchError::private(host, private))
                    }
                    Some(_) => {
                        self.names.permitted(host).await?;
                        Ok(&self.direct)
                    }
                },
            }
        };
        tokio::time::timeout(self.timers.connect, look_up)
            .await
            .unwrap_or_else(|_| {
                Err(FetchError::NoNameServer {
                    host: host.to_owned(),
                })
            })
    }

    fn way_to_number<'c>(
        &'c self,
        address: IpAddr,
        proxied: Option<&'c (Client, Matcher)>,
    ) -> Result<&'c Client, FetchError> {
        if self.names.refuses(address) {
            return Err(FetchError::private(&address.to_string(), address));
        }
        Ok(match proxied {
            Some((client, _)) if !self.names.is_private(address) => client,
            _ => &self.direct,
        })
    }
}

/// An answer whose body is still to be read. Dropping it ends the connection.
#[derive(Debug)]
pub struct Opened {
    /// HTTP status; no redirect.
    pub status: u16,
    /// `Content-Type`, made safe to show.
    pub media_type: Option<String>,
    /// Bytes of the body as announced.
    pub length: Option<u64>,
    /// `Content-Encoding`, unless it is `identity`: then the body is not the file itself.
    pub encoding: Option<String>,
    /// Which part of the file this is.
    pub range: Option<ContentRange>,
    /// What the server calls this version of the file: a strong `ETag`, else `Last-Modified`.
    pub validator: Option<String>,
    /// Where the answer came from in the end.
    pub url: Url,
    response: Response,
    idle: Duration,
}

/// `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte that is sent; `None` if nothing of the file is.
    pub first: Option<u64>,
    /// Size of the whole file, if it was told.
    pub total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
        let first = match range.split_once('-') {
            Some((first, _)) => Some(first.trim().parse().ok()?),
            None => None,
        };
        Some(Self {
            first,
            total: total.trim().parse().ok(),
        })
    }
}

impl Opened {
    fn new(response: Response, url: Url, idle: Duration) -> Self {
        let headers = response.headers();
        Self {
            status: response.status().as_u16(),
            media_type: text_of(headers, &CONTENT_TYPE).map(|text| clean(text, 100)),
            length: text_of(headers, &CONTENT_LENGTH).and_then(|text| text.trim().parse().ok()),
            encoding: text_of(headers, &CONTENT_ENCODING)
                .map(|text| clean(text, 40))
                .filter(|encoding| !encoding.eq_ignore_ascii_case("identity")),
            range: text_of(headers, &CONTENT_RANGE).and_then(ContentRange::parse),
            validator: text_of(headers, &ETAG)
                .filter(|tag| tag.starts_with('"') && tag.len() > 2)
                .or_else(|| text_of(headers, &LAST_MODIFIED))
                .filter(|validator| validator.len() <= 1024)
                .map(str::to_owned),
            url,
            response,
            idle,
        }
    }

    /// The next piece of the body; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) if error.is_timeout() => {
                Err(FetchError::Trouble("the answer took too long".to_owned()))
            }
            Ok(Err(error)) => Err(FetchError::Trouble(format!(
                "the answer broke off: {}",
                cause(&error)
            ))),
            Err(_) => Err(slow("the answer stood still", self.idle)),
        }
    }

    /// The body up to `limit` bytes, however long it is.
    pub async fn read(&mut self, limit: usize) -> Result<Bytes, FetchError> {
        let mut body = BytesMut::new();
        while body.len() < limit {
            let Some(piece) = self.next().await? else {
                break;
            };
            body.extend_from_slice(&piece[..piece.len().min(limit - body.len())]);
        }
        Ok(body.freeze())
    }
}

/// An address without its password.
fn shown(address: &str) -> String {
    clean(&without_passwords(address), 200)
}

fn http_url(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Where a redirect leads.
fn redirected(from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let Some(location) = headers.get(LOCATION) else {
        return Err(FetchError::BadRedirect("no address".to_owned()));
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    from.join(&location)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            let place = location.split(['?', '#']).next().unwrap_or_default();
            FetchError::BadRedirect(format!(
                "`{}`, which is not an http(s) address",
                shown(place)
            ))
        })
}

fn client(timers: FetchTimers) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("shotlist/", env!("CARGO_PKG_VERSION")))
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(timers.connect)
}

/// Builds a client. A machine without CA certificates can still reach plain `http` addresses.
fn build(client: impl Fn() -> ClientBuilder) -> Result<Client, FetchError> {
    // The first call installs the provider of cryptography; a later one finds it there, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    client()
        .build()
        .or_else(|_| client().tls_certs_only([]).build())
        .map_err(|error| no_client(&error))
}

fn no_client(error: &reqwest::Error) -> FetchError {
    FetchError::Trouble(format!("no client can be made: {}", cause(error)))
}

fn slow(what: &str, waited: Duration) -> FetchError {
    FetchError::Trouble(format!("{what} within {}", show_duration(waited)))
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The innermost cause of an error, without an address.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest = error.source();
    while let Some(next) = deepest.and_then(std::error::Error::source) {
        deepest = Some(next);
    }
    let text = deepest.map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = clean(text, 200).chars().collect::<Vec<_>>();
    if let Some(first) = letters.first_mut() {
        first.make_ascii_lowercase();
    }
    letters.into_iter().collect()
}

#[cfg(test)]
pub(crate) mod tests;
