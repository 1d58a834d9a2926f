// Sends the code behind the # of a mail's link to the API, once somebody wants that.
const form = document.getElementById("account");
const wrong = document.getElementById("wrong");
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // the code stays in no history

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const password = document.getElementById("password");
  const answer = await fetch(form.dataset.to, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(password ? { token, password: password.value } : { token }),
  }).catch(() => null);
  const said = (await answer?.json().catch(() => null)) ?? { error: "the API does not answer" };
  if (answer?.ok) {
    form.textContent = form.dataset.done;
    return;
  }
  wrong.textContent = token ? said.error : "the link is not whole: open it from the mail again";
  wrong.hidden = false;
});
