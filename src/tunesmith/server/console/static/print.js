// The whole reference on one page, made for paper. Everything comes from this server.

import { byTag, element, fieldTable, inWords, load } from "./schemas.js";

function anchor(...words) {
  return words.join("-").replace(/[^A-Za-z0-9]+/g, "-");
}

function title(method, path) {
  return [element("span", { className: "method" }, method.toUpperCase()), element("code", {}, path)];
}

function parameters(document_, operation) {
  const rows = (operation.parameters ?? []).map((one) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", {}, one.name), one.required ? " (required)" : ""),
      element("td", {}, `${one.in}: ${inWords(document_, one.schema)}`),
      element("td", {}, one.description ?? ""),
    ),
  );
  return rows.length ? [element("h4", {}, "Parameters"), element("table", {}, ...rows)] : [];
}

function replies(document_, operation) {
  const all = Object.entries(operation.responses);
  const rows = all
    .filter(([status]) => status < 400)
    .map(([status, { description, content }]) => {
      const [type, { schema } = {}] = Object.entries(content ?? {})[0] ?? [];
      const shape = inWords(document_, schema) || type || "";
      return element("tr", {}, element("td", {}, status), element("td", {}, shape), element("td", {}, description));
    });
  const refusals = all.filter(([status]) => status >= 400).map(([status, { description }]) => `${status} ${description}`);
  const refused = refusals.length ? [element("p", { className: "refusals" }, `Refused: ${refusals.join("; ")}.`)] : [];
  return [element("h4", {}, "Replies"), element("table", {}, ...rows), ...refused];
}

function described(document_, method, path, operation) {
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  return element(
    "article",
    { id: anchor(method, path) },
    element("h3", {}, ...title(method, path)),
    element("p", {}, operation.description ?? operation.summary ?? ""),
    ...parameters(document_, operation),
    ...(body ? [element("h4", {}, "Body"), element("p", {}, inWords(document_, body))] : []),
    ...replies(document_, operation),
  );
}

function contents(groups) {
  const entries = [...groups].map(([tag, operations]) => {
    const links = operations.map(([method, path, { summary }]) => {
      const link = element("a", { href: `#${anchor(method, path)}` }, ...title(method, path));
      return element("li", {}, link, ` ${summary ?? ""}`);
    });
    return element("section", {}, element("h3", {}, tag), element("ul", {}, ...links));
  });
  return [element("h2", {}, "Contents"), ...entries];
}

function schemas(document_) {
  const named = Object.entries(document_.components.schemas).map(([name, schema]) =>
    element(
      "article",
      { id: anchor("schema", name) },
      element("h3", {}, element("code", {}, name)),
      element("p", {}, schema.description ?? ""),
      fieldTable(document_, schema),
    ),
  );
  return element("section", {}, element("h2", {}, "Bodies and replies"), ...named);
}

function show(document_) {
  const groups = byTag(document_);
  const sections = [...groups].map(([tag, operations]) =>
    element("section", {}, element("h2", {}, tag), ...operations.map((one) => described(document_, ...one))),
  );
  const { title: name, summary, version } = document_.info;
  document.title = `${name} API ${version}`;
  document.getElementById("title").textContent = document.title;
  document.getElementById("summary").textContent = summary ?? "";
  document.getElementById("contents").replaceChildren(...contents(groups));
  document.getElementById("operations").replaceChildren(...sections, schemas(document_));
  document.getElementById("print").disabled = false;
}

document.getElementById("print").addEventListener("click", () => window.print());
load(show);
