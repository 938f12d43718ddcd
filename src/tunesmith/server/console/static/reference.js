// Shows openapi.json and tries its operations. Everything comes from this server: it works without internet.

import { byTag, element, fieldTable, inWords, load } from "./schemas.js";

const session = { token: "", org: "" };

function parameterRow(document_, parameter) {
  const input = element("input", { name: parameter.name, placeholder: inWords(document_, parameter.schema) });
  input.dataset.place = parameter.in;
  if (parameter.name === "org_name") input.value = session.org;
  return element(
    "tr",
    {},
    element("td", {}, element("code", {}, parameter.name), parameter.required ? " (required)" : ""),
    element("td", {}, input),
    element("td", {}, parameter.description ?? ""),
  );
}

function filledIn(path, inputs) {
  const query = new URLSearchParams();
  for (const { name, value, dataset } of inputs) {
    if (dataset.place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (dataset.place === "query" && value) query.append(name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

async function send(method, url, body) {
  const headers = { "Content-Type": "application/json" };
  if (session.token) headers.Authorization = `Bearer ${session.token}`;
  const reply = await fetch(url, { method: method.toUpperCase(), headers, body: body || undefined });
  const text = await reply.text();
  const json = reply.headers.get("Content-Type")?.startsWith("application/json");
  return { ok: reply.ok, status: reply.status, data: json ? JSON.parse(text) : text };
}

function tryOut(method, path, operation, table) {
  const area = operation.requestBody && element("textarea", { value: "{\n}", spellcheck: false });
  const answer = element("pre", { hidden: true });
  const button = element("button", { type: "button" }, "Send");
  button.addEventListener("click", async () => {
    answer.hidden = false;
    try {
      const { status, data } = await send(method, filledIn(path, table.querySelectorAll("input")), area?.value);
      answer.textContent = `${status}\n${typeof data === "string" ? data : JSON.stringify(data, null, 2)}`;
    } catch (error) {
      answer.textContent = `The request failed: ${error.message}`;
    }
  });
  return [area && element("h3", {}, "Body to send"), area, element("p", {}, button), answer].filter(Boolean);
}

function described(document_, method, path, operation) {
  const parameters = operation.parameters ?? [];
  const table = element("table", {}, ...parameters.map((one) => parameterRow(document_, one)));
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const replies = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const schema = content?.["application/json"]?.schema;
    return element("li", {}, `${status} ${description}`, schema && status < 300 ? fieldTable(document_, schema) : "");
  });
  return element(
    "div",
    {},
    element("p", {}, operation.description ?? ""),
    element("h3", {}, "Parameters"),
    table,
    ...(body ? [element("h3", {}, "Body"), fieldTable(document_, body)] : []),
    ...tryOut(method, path, operation, table),
    element("h3", {}, "Replies"),
    element("ul", {}, ...replies),
  );
}

// The inside of an operation is made when it is opened: there are many.
function operationOf(document_, method, path, operation) {
  const title = element("summary", {}, element("span", { className: "method" }, method.toUpperCase()));
  title.append(element("code", {}, path), ` ${operation.summary ?? ""}`);
  const shown = element("details", { className: "operation" }, title);
  shown.dataset.words = `${method} ${path} ${operation.summary} ${operation.description}`.toLowerCase();
  shown.addEventListener("toggle", () => shown.append(described(document_, method, path, operation)), { once: true });
  return shown;
}

function show(document_) {
  const sections = [...byTag(document_)].map(([tag, operations]) =>
    element("section", {}, element("h2", {}, tag), ...operations.map((one) => operationOf(document_, ...one))),
  );
  document.getElementById("version").textContent = `API ${document_.info.version}`;
  document.getElementById("operations").replaceChildren(...sections);
}

function find(words) {
  const wanted = words.toLowerCase().split(/\s+/);
  for (const shown of document.querySelectorAll("details.operation")) {
    shown.hidden = !wanted.every((word) => shown.dataset.words.includes(word));
  }
}

async function logIn(event) {
  event.preventDefault();
  const [org, key, who] = ["org", "key", "who"].map((id) => document.getElementById(id));
  const body = JSON.stringify({ ngc_org_name: org.value, ngc_key: key.value });
  const { ok, data } = await send("post", "/api/v1/login", body);
  Object.assign(session, ok ? { token: data.token, org: org.value } : { token: "" });
  who.textContent = ok ? `logged in as ${data.user_name}` : data.error_desc;
  if (ok) key.value = "";
  for (const input of document.querySelectorAll('input[name="org_name"]')) input.value = session.org;
}

document.getElementById("login").addEventListener("submit", logIn);
document.getElementById("find").addEventListener("input", (event) => find(event.target.value));
load(show);
