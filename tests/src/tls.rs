//! HTTPS before a node, as a reverse proxy does it: a certificate of its own authority on a free port. It looks at nothing.

use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

/// Takes connections until it is dropped with the runtime.
#[derive(Debug)]
pub struct TlsProxy {
    /// `https://localhost:<port>`.
    pub url: String,
    /// The certificate of its authority, as PEM.
    pub authority: PathBuf,
}

impl TlsProxy {
    /// Leads to a port of this machine.
    ///
    /// # Panics
    /// When no certificate can be made (it needs `openssl`).
    pub async fn start(folder: &Path, to: u16) -> Self {
        let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let read = |path: &Path| std::fs::read(path).expect("openssl wrote it");
        let identity = native_tls::Identity::from_pkcs8(&read(&certificate), &read(&key)).expect("a certificate");
        let acceptor = native_tls::TlsAcceptor::new(identity).expect("it is taken");
        let acceptor = tokio_native_tls::TlsAcceptor::from(acceptor);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Who does not trust the certificate goes away.
                    let Ok(mut inside) = acceptor.accept(connection).await else { return };
                    let Ok(mut node) = TcpStream::connect(("127.0.0.1", to)).await else { return };
                    let _ = copy_bidirectional(&mut inside, &mut node).await;
                });
            }
        });
        Self { url: format!("https://localhost:{port}"), authority: certificate }
    }
}
