// Logs in to the TensorBoard of the experiment that the address names.

const [org, experiment] = location.pathname.match(/\/orgs\/([^/]+)\/experiments\/([^/]+)/).slice(1);
const who = document.getElementById("who");

async function answer(url, options) {
  const reply = await fetch(url, options);
  const data = await reply.json();
  if (!reply.ok) throw new Error(data.error_desc);
  return data;
}

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  who.textContent = "...";
  const key = document.getElementById("key").value;
  try {
    const body = JSON.stringify({ ngc_key: key, ngc_org_name: decodeURIComponent(org) });
    const { token } = await answer("/api/v1/login", { method: "POST", body });
    const headers = { Authorization: `Bearer ${token}` };
    const { url } = await answer(`/api/v1/orgs/${org}/experiments/${experiment}:tensorboard`, { headers });
    location.replace(url);
  } catch (error) {
    who.textContent = error.message;
  }
});
