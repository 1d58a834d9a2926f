// Trades the key for a session that only reads; the page never keeps the key.
const form = document.getElementById("door");
const wrong = document.getElementById("wrong");
document.getElementById("link").hidden = true;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: document.getElementById("key").value }),
  });
  if (answer.ok) {
    location.reload();
    return;
  }
  const said = await answer.json().catch(() => ({ error: "the API does not answer" }));
  wrong.textContent = said.error;
  wrong.hidden = false;
});
