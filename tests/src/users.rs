//! Users as types: whoever has a token, acting through the API and nothing else. What they should be answered is each test's
//! to say.
//!
//! All users of a server are one session: whatever one of them was told, the next reading of any of them includes. Each view
//! follows the log by itself, so that a test which has waited for one of them knows nothing of another.

use crate::server::{DEADLINE, Server};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};
use uuid::Uuid;

/// The highest sequence that users of a server were told; 0 before.
#[derive(Clone, Debug, Default)]
pub struct Session(Arc<AtomicU64>);

impl Session {
    /// Learns from the answer to an accepted command.
    fn told(&self, answer: &Value) {
        let last = answer["events"].as_array().and_then(|events| events.last()?["sequence"].as_u64());
        self.0.fetch_max(last.unwrap_or_default(), Relaxed);
    }

    /// A path that waits for what was told, where it reads a view and says nothing of another moment.
    fn waiting(&self, path: &str) -> Option<String> {
        const READS: [&str; 12] = [
            "organisations",
            "offers",
            "demands",
            "agreements",
            "learnings",
            "convenings",
            "events",
            "export",
            "activity",
            "audit",
            "grants",
            "partnerships",
        ];
        let (way, query) = path.split_once('?').unwrap_or((path, ""));
        let reads = READS.contains(&way.strip_prefix("/api/v1/")?.split('/').next()?);
        let sequence = self.0.load(Relaxed);
        if !reads || sequence == 0 || query.contains("wait_for=") || query.contains("as_of") {
            return None;
        }
        let sign = if query.is_empty() { '?' } else { '&' };
        Some(format!("{path}{sign}wait_for={sequence}"))
    }
}

/// Somebody with a token, or without.
#[derive(Clone, Debug)]
pub struct User {
    client: Client,
    url: String,
    /// The bearer token.
    pub token: Option<String>,
    /// The organisation that it acts for.
    pub organisation: Uuid,
    /// The grant of the token.
    pub grant: Uuid,
    session: Session,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its JSON; null where it has none.
    pub body: Value,
    /// Its bytes as text.
    pub text: String,
}

impl Reply {
    /// The body of a command that was accepted.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn accepted(self) -> Value {
        assert!(self.status.is_success(), "refused: {} {}", self.status, self.text);
        self.body
    }

    /// Requires a refusal.
    ///
    /// # Panics
    /// When it is another one, or none.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let found = (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{}", self.text);
        let media = self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(media.starts_with("application/problem+json"), "a problem is told as one: {media}");
        assert_eq!(self.body["status"], status);
    }

    /// The sequence that the answer is true at.
    pub fn sequence(&self) -> Option<u64> {
        self.headers.get("convenio-sequence")?.to_str().ok()?.parse().ok()
    }
}

impl User {
    /// Somebody with no token.
    pub fn anonymous(server: &Server) -> Self {
        Self {
            client: Client::new(),
            url: server.url.clone(),
            token: None,
            organisation: Uuid::nil(),
            grant: Uuid::nil(),
            session: server.session.clone(),
        }
    }

    /// Somebody with a token.
    pub fn with_token(server: &Server, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::anonymous(server) }
    }

    /// The same one, after the server started again elsewhere.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self { client: Client::new(), url: server.url.clone(), ..self.clone() }
    }

    /// The same one through connections of its own.
    #[must_use]
    pub fn anew(&self, url: &str) -> Self {
        Self { client: Client::new(), url: url.to_owned(), ..self.clone() }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn try_ask(&self, request: RequestBuilder) -> reqwest::Result<Reply> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        let reply = Reply { status, headers, body, text };
        if status == StatusCode::CREATED {
            self.session.told(&reply.body);
        }
        Ok(reply)
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When no answer came.
    pub async fn ask(&self, request: RequestBuilder) -> Reply {
        self.try_ask(request).await.expect("the server answers")
    }

    /// Reads what is at least as new as anything that a user of this server was told.
    ///
    /// # Panics
    /// When no answer came.
    pub async fn get(&self, path: &str) -> Reply {
        let Some(waiting) = self.session.waiting(path) else {
            return self.ask(self.request(Method::GET, path)).await;
        };
        let deadline = Instant::now() + DEADLINE;
        loop {
            let reply = self.ask(self.request(Method::GET, &waiting)).await;
            // A view that is behind on a busy machine is asked again.
            if reply.body["code"] != "not-yet-visible" || Instant::now() > deadline {
                return reply;
            }
        }
    }

    /// Sends a command with an id of its own.
    ///
    /// # Panics
    /// When no answer came.
    pub async fn send(&self, command: &str, data: &Value) -> Reply {
        self.send_as(Uuid::new_v4(), command, data).await
    }

    /// Sends a command with an id.
    ///
    /// # Panics
    /// When no answer came.
    pub async fn send_as(&self, id: Uuid, command: &str, data: &Value) -> Reply {
        self.ask(self.command(id, command).json(data)).await
    }

    /// A command, without its body.
    pub fn command(&self, id: Uuid, command: &str) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/api/v1/commands/{command}"));
        request.header("Idempotency-Key", id.to_string()).header("Content-Type", "application/json")
    }

    /// Sends lines.
    ///
    /// # Panics
    /// When no answer came, or one that is no NDJSON.
    pub async fn batch(&self, lines: &[Value]) -> Vec<Value> {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.batch_of(body).await
    }

    /// Sends lines as they are.
    ///
    /// # Panics
    /// When no answer came, or one that is no NDJSON.
    pub async fn batch_of(&self, body: impl Into<reqwest::Body>) -> Vec<Value> {
        let request = self.request(Method::POST, "/api/v1/commands").header("Content-Type", "application/x-ndjson");
        let reply = self.ask(request.body(body)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        let lines: Vec<Value> =
            reply.text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
        lines.iter().for_each(|line| self.session.told(line));
        lines
    }
}

/// A server with an admin and organisations.
#[derive(Debug)]
pub struct Ledger {
    /// The server.
    pub server: Server,
    /// Whoever has the first admin token.
    pub admin: User,
}

impl Ledger {
    /// A server and its first admin.
    pub fn new(server: Server) -> Self {
        let admin = User::with_token(&server, &server.admin_token());
        Self { server, admin }
    }

    /// Registers a holder that is verified, and grants it a token that may sign.
    ///
    /// # Panics
    /// When one of these is refused.
    pub async fn organisation(&self, name: &str, place: &str) -> User {
        let id = Uuid::new_v4();
        let profile = json!({"kind": "other-public-body", "place": place, "languages": ["es"]});
        let data = json!({"id": id, "standing": "holder", "profile": profile, "text": {"name": text("es", name)}});
        self.admin.send("register-organisation", &data).await.accepted();
        self.admin.send("verify-organisation", &json!({"id": id, "method": "operator"})).await.accepted();
        self.grant(id, "signatory").await
    }

    /// Grants a role for an organisation; whoever may sign, signs.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn grant(&self, organisation: Uuid, role: &str) -> User {
        let data = json!({"organisations": [organisation], "role": role, "may_sign": role == "signatory", "office": "Oficina"});
        let granted = self.admin.send("grant-access", &data).await.accepted();
        let token = granted["token"].as_str().expect("a token is shown once");
        let grant = granted["subject"].as_str().and_then(|subject| subject.split_once('/')).expect("a subject").1;
        User { organisation, grant: grant.parse().expect("a UUID"), ..User::with_token(&self.server, token) }
    }
}

/// A text in one language.
pub fn text(language: &str, text: &str) -> Value {
    json!({"original": language, "texts": {language: text}})
}

/// The data of an offer or a demand.
pub fn listing(id: Uuid, title: &str) -> Value {
    json!({
        "id": id,
        "terms": {
            "themes": ["sdg:3.3"],
            "mechanisms": ["training"],
            "places": ["PE"],
            "quantity": {"amount": "12", "unit": "places"},
        },
        "text": {"title": text("es", title)},
    })
}

/// The data of a bilateral agreement in which one gives the other so many places of an offer.
pub fn agreement(id: Uuid, provider: Uuid, receiver: Uuid, offer: Uuid, places: &str) -> Value {
    let party = |organisation: Uuid, role: &str, side: &str| json!({"organisation": organisation, "roles": [role], "represents": side, "side": side, "signs": true});
    json!({
        "id": id,
        "terms": {
            "instrument": "action",
            "parties": [party(provider, "offering", "PE"), party(receiver, "requesting", "BO")],
            "modality": "bilateral",
            "direction": "south-south",
            "mechanisms": ["training"],
            "themes": ["sdg:3.3"],
            "places": ["BO"],
            "commitments": [{
                "id": Uuid::new_v5(&id, b"commitment"),
                "provider": provider,
                "receiver": receiver,
                "quantity": {"amount": places, "unit": "places"},
                "source": format!("offer/{offer}"),
            }],
        },
        "text": {"title": text("es", "Formación conjunta"), "objectives": text("es", "Formar a doce personas.")},
    })
}

/// A learning of one organisation.
pub fn learning(id: Uuid, author: Uuid, title: &str) -> Value {
    json!({
        "id": id,
        "content": {"kind": "lesson", "authors": [author], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"},
        "text": {"title": text("es", title), "lessons": text("es", "Preguntar dos veces.")},
    })
}
