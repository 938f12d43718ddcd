// What the pages share: elements, and schemas in words.

const METHODS = ["get", "post", "put", "patch", "delete"];

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function resolve(document_, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? document_.components.schemas[name] : (schema ?? {});
}

// A schema in a few words: string, integer ≥ 0, list of Job, ...
export function inWords(document_, schema) {
  if (!schema) return "";
  if (resolve(document_, schema).enum) return resolve(document_, schema).enum.join(" | ");
  if (schema.$ref) return schema.$ref.split("/").pop();
  if ("const" in schema) return String(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((one) => inWords(document_, one)).join(" or ");
  if (schema.type === "array") return `list of ${inWords(document_, schema.items) || "anything"}`;
  const bounds = [
    "minimum" in schema ? `≥ ${schema.minimum}` : "",
    "maximum" in schema ? `≤ ${schema.maximum}` : "",
    "maxLength" in schema ? `up to ${schema.maxLength} characters` : "",
  ];
  return [schema.format ?? schema.type ?? "anything", ...bounds].filter(Boolean).join(", ");
}

export function fieldTable(document_, schema) {
  const { properties = {}, required = [] } = resolve(document_, schema);
  const rows = Object.entries(properties).map(([name, field]) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", {}, name), required.includes(name) ? " (required)" : ""),
      element("td", {}, inWords(document_, field)),
      element("td", {}, field.description ?? ("default" in field ? `default ${JSON.stringify(field.default)}` : "")),
    ),
  );
  return rows.length ? element("table", {}, ...rows) : element("p", {}, inWords(document_, schema));
}

// The operations by their first tag, as [method, path, operation].
export function byTag(document_) {
  const groups = new Map();
  for (const [path, operations] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((one) => operations[one])) {
      const tag = operations[method].tags?.[0] ?? "OTHER";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([method, path, operations[method]]);
    }
  }
  return groups;
}

// The document, shown by `show`, or why it cannot be.
export async function load(show) {
  try {
    const reply = await fetch("openapi.json");
    show(await reply.json());
  } catch (error) {
    document.getElementById("operations").textContent = `The API document cannot be shown: ${error.message}`;
  }
}
