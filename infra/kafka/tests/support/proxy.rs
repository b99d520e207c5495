//! A way to the broker that loses one request, or the answer to it, and then nothing more goes on that connection, as when a
//! cable is cut. It changes no byte.

use std::{
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

/// The request that makes a producer the one of its transactional id, by its number in Kafka's protocol.
pub const INIT_PRODUCER_ID: i16 = 22;
/// The one that ends a transaction.
pub const END_TRANSACTION: i16 = 26;

/// What is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lose {
    /// The broker never gets the request.
    Request,
    /// The broker gets it, and nobody its answer.
    Answer,
}

struct Rule {
    request: i16,
    with: Vec<u8>,
    lose: Lose,
    met: mpsc::Sender<()>,
}

#[derive(Clone)]
struct Connection {
    client: Arc<TcpStream>,
    broker: Arc<TcpStream>,
    lost: Arc<AtomicBool>,
    /// The rule by which something was lost.
    by: Arc<Mutex<Vec<u8>>>,
}

/// It ends with the process.
pub struct Proxy {
    address: String,
    rules: Arc<Mutex<Vec<Rule>>>,
    connections: Arc<Mutex<Vec<Connection>>>,
}

impl Proxy {
    pub fn start(listener: TcpListener, broker: String) -> Self {
        let address = listener.local_addr().expect("bound").to_string();
        let rules = Arc::<Mutex<Vec<Rule>>>::default();
        let connections = Arc::<Mutex<Vec<Connection>>>::default();
        let (new, kept) = (rules.clone(), connections.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = TcpStream::connect(&broker) else { continue };
                let connection = Connection {
                    client: Arc::new(client),
                    broker: Arc::new(upstream),
                    lost: Arc::default(),
                    by: Arc::default(),
                };
                kept.lock().expect("nobody panics").push(connection.clone());
                carry(connection, new.clone());
            }
        });
        Self { address, rules, connections }
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Loses the next request of this number that mentions these bytes, or its answer. The receiver hears when it is lost.
    pub fn lose(&self, lose: Lose, request: i16, with: &str) -> mpsc::Receiver<()> {
        let (met, hears) = mpsc::channel();
        let rule = Rule { request, with: with.as_bytes().to_vec(), lose, met };
        self.rules.lock().expect("nobody panics").push(rule);
        hears
    }

    /// Connections on which something that mentions these bytes was lost are reset; new ones are fine.
    pub fn mend(&self, with: &str) {
        for connection in &*self.connections.lock().expect("nobody panics") {
            if *connection.by.lock().expect("nobody panics") == with.as_bytes() {
                // It may have ended by itself.
                let _ = connection.client.shutdown(Shutdown::Both);
                let _ = connection.broker.shutdown(Shutdown::Both);
            }
        }
    }
}

/// One frame of the protocol, its size included.
fn frame(mut from: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame)?;
    let size = u32::from_be_bytes(frame[..4].try_into().expect("four bytes")) as usize;
    frame.resize(4 + size, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

fn carry(connection: Connection, rules: Arc<Mutex<Vec<Rule>>>) {
    let waits = Arc::<Mutex<Option<mpsc::Sender<()>>>>::default();
    let (back, answers) = (connection.clone(), waits.clone());
    std::thread::spawn(move || {
        while let Ok(frame) = frame(&connection.client) {
            if connection.lost.load(Ordering::SeqCst) {
                continue;
            }
            let rule = take(&rules, &frame);
            if let Some(rule) = &rule {
                connection.by.lock().expect("nobody panics").clone_from(&rule.with);
                connection.lost.store(true, Ordering::SeqCst);
                if rule.lose == Lose::Request {
                    // The test may wait no more.
                    let _ = rule.met.send(());
                    continue;
                }
                *waits.lock().expect("nobody panics") = Some(rule.met.clone());
            }
            if (&*connection.broker).write_all(&frame).is_err() {
                break;
            }
        }
        let _ = connection.broker.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        while let Ok(frame) = frame(&back.broker) {
            if back.lost.load(Ordering::SeqCst) {
                if let Some(met) = answers.lock().expect("nobody panics").take() {
                    let _ = met.send(());
                }
            } else if (&*back.client).write_all(&frame).is_err() {
                break;
            }
        }
        let _ = back.client.shutdown(Shutdown::Both);
    });
}

fn take(rules: &Mutex<Vec<Rule>>, frame: &[u8]) -> Option<Rule> {
    let number = i16::from_be_bytes(frame.get(4..6)?.try_into().expect("two bytes"));
    let mut rules = rules.lock().expect("nobody panics");
    let meant = |rule: &Rule| rule.request == number && frame.windows(rule.with.len()).any(|bytes| bytes == rule.with);
    let at = rules.iter().position(meant)?;
    Some(rules.remove(at))
}
