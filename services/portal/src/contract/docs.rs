//! The OpenAPI document as one page that needs no script and nothing from elsewhere.

use super::openapi::problem_codes;
use serde_json::Value;
use std::fmt::{self, Write as _};

/// The page.
pub(super) fn page(document: &Value) -> String {
    let mut out = String::with_capacity(1 << 20);
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, document);
    out
}

fn write_page(out: &mut String, document: &Value) -> fmt::Result {
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push_str(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Convenio: the API</title>",
    );
    write!(
        out,
        "<link rel=\"stylesheet\" href=\"{}\"></head><body><main class=\"inner\">",
        crate::pages::assets::style_path()
    )?;
    write!(out, "<h1>{}</h1>", Escaped(string(&document["info"]["title"])))?;
    for paragraph in string(&document["info"]["description"]).lines().filter(|line| !line.is_empty()) {
        write!(out, "<p>{}</p>", Escaped(&paragraph.replace("**", "").replace('`', "")))?;
    }
    out.push_str("<p><a href=\"/openapi.json\">OpenAPI 3.1</a> · <a href=\"/asyncapi.json\">AsyncAPI 3</a> · <a href=\"#problems\">problem codes</a></p>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = string(&tag["name"]);
        write!(out, "<h2 id=\"{name}\">{}</h2><p>{}</p>", Escaped(name), Escaped(string(&tag["description"])))?;
        for (path, verb, operation) in operations(document, name) {
            write_operation(out, document, path, verb, operation)?;
        }
    }
    write_problems(out)?;
    out.push_str("</main></body></html>\n");
    Ok(())
}

fn operations<'a>(document: &'a Value, tag: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(move |(verb, operation)| (&**path, &**verb, operation))
    });
    all.filter(move |(_, _, operation)| operation["tags"][0] == tag)
}

fn write_operation(out: &mut String, document: &Value, path: &str, verb: &str, operation: &Value) -> fmt::Result {
    let (id, summary) = (string(&operation["operationId"]), string(&operation["summary"]));
    let verb = verb.to_uppercase();
    write!(
        out,
        "<details id=\"{}\"><summary><code>{verb} {}</code> {}</summary>",
        Escaped(id),
        Escaped(path),
        Escaped(summary)
    )?;
    write!(out, "<p>{}</p>", Escaped(string(&operation["description"])))?;
    write_parameters(out, document, operation)?;
    if let Some(content) = operation.pointer("/requestBody/content") {
        write_content(out, "Body", content)?;
    }
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let answer = resolve(document, answer);
        write!(out, "<h4>{}</h4><p>{}</p>", Escaped(status), Escaped(string(&answer["description"])))?;
        if status != "default" {
            write_content(out, "Answer", &answer["content"])?;
        }
    }
    out.push_str("</details>\n");
    Ok(())
}

fn write_parameters(out: &mut String, document: &Value, operation: &Value) -> fmt::Result {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    if parameters.is_empty() {
        return Ok(());
    }
    out.push_str("<table><thead><tr><th>Parameter</th><th>In</th><th>What</th></tr></thead><tbody>");
    for parameter in parameters {
        let parameter = resolve(document, parameter);
        let (name, place) = (string(&parameter["name"]), string(&parameter["in"]));
        let what = string(&parameter["description"]);
        write!(out, "<tr><td><code>{}</code></td><td>{place}</td><td>{}</td></tr>", Escaped(name), Escaped(what))?;
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn write_content(out: &mut String, title: &str, content: &Value) -> fmt::Result {
    for (media, content) in content.as_object().into_iter().flatten() {
        let example = &content["example"];
        let example = example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned);
        write!(out, "<p>{title}: <code>{}</code></p><pre>{}</pre>", Escaped(media), Escaped(&example))?;
        if title == "Body" {
            write!(
                out,
                "<details><summary>Schema</summary><pre>{}</pre></details>",
                Escaped(&format!("{:#}", content["schema"]))
            )?;
        }
    }
    Ok(())
}

fn write_problems(out: &mut String) -> fmt::Result {
    out.push_str("<h2 id=\"problems\">Problem codes</h2><table><thead><tr><th>Code</th><th>Status</th><th>What</th></tr></thead><tbody>");
    for (code, (status, title)) in problem_codes() {
        write!(out, "<tr id=\"{code}\"><td><code>{code}</code></td><td>{status}</td><td>{}</td></tr>", Escaped(title))?;
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let link = value["$ref"].as_str().and_then(|link| document.pointer(link.trim_start_matches('#')));
    link.unwrap_or(value)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Text within HTML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
