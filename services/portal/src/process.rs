//! What the operating system says of this process, under the names that Prometheus' own clients use. It tells nothing where
//! there is no `/proc`.

use std::{fs, str::FromStr};

/// Ticks of `/proc/*/stat` in a second: the kernel shows 100 to programs on every architecture that Rust runs on.
const TICKS: f64 = 100.0;

/// One number: its name, kind, help and value.
pub(crate) type Reading = (&'static str, &'static str, &'static str, f64);

/// Everything that is known now (proc(5)); what cannot be read is left out.
pub(crate) fn readings() -> Vec<Reading> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (status, stat, limits) = (read("/proc/self/status"), read("/proc/self/stat"), read("/proc/self/limits"));
    let kibibytes = |label| after::<f64>(&status, label).map(|size| size * 1024.0);
    let booted = after::<f64>(&read("/proc/stat"), "btime");
    let seconds = |place| field(&stat, place).map(|ticks| ticks / TICKS);
    let cpu = seconds(14).zip(seconds(15)).map(|(user, system)| user + system);
    let started = booted.zip(seconds(22)).map(|(booted, since)| booted + since);
    // The listing itself holds one open.
    let open = fs::read_dir("/proc/self/fd").ok().and_then(|entries| u32::try_from(entries.count()).ok());
    let open = open.map(|count| f64::from(count.saturating_sub(1)));
    let readings = [
        ("process_resident_memory_bytes", "gauge", "Resident memory.", kibibytes("VmRSS:")),
        ("process_virtual_memory_bytes", "gauge", "Virtual memory.", kibibytes("VmSize:")),
        ("process_cpu_seconds_total", "counter", "Time on processors, of user and system.", cpu),
        ("process_start_time_seconds", "gauge", "When the process began, since 1970.", started),
        ("process_open_fds", "gauge", "Open file descriptors.", open),
        ("process_max_fds", "gauge", "How many it may open.", after(&limits, "Max open files")),
    ];
    readings.into_iter().filter_map(|(name, kind, help, value)| Some((name, kind, help, value?))).collect()
}

/// The first word after a label that a line begins with, where it is a number.
fn after<T: FromStr>(text: &str, label: &str) -> Option<T> {
    text.lines().find_map(|line| line.strip_prefix(label))?.split_whitespace().next()?.parse().ok()
}

/// A field of `/proc/*/stat`, counted from 1. The second is the command's name in brackets, which may hold anything.
fn field(stat: &str, place: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(place - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_moves_no_field() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 5 0 4200 99";
        assert_eq!((field(stat, 14), field(stat, 15), field(stat, 22)), (Some(250.0), Some(50.0), Some(4200.0)));
    }

    #[test]
    fn an_unlimited_number_of_files_is_left_out() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024    4096    files\n";
        assert_eq!(after::<f64>(limits, "Max open files"), Some(1024.0));
        assert_eq!(after::<f64>("Max open files   unlimited  unlimited  files", "Max open files"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_plausible_numbers() {
        let found = readings();
        let value = |name: &str| found.iter().find(|reading| reading.0 == name).expect(name).3;
        assert!((1e5..1e11).contains(&value("process_resident_memory_bytes")));
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970").as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-5.0..86_400.0).contains(&age), "{age}");
        let before = value("process_open_fds");
        let _open: Vec<_> = (0..40).map(|_| fs::File::open("/proc/self/stat").expect("is there")).collect();
        let now = readings().into_iter().find(|reading| reading.0 == "process_open_fds").expect("still there").3;
        assert!(now >= before + 30.0, "{before} {now}");
    }
}
