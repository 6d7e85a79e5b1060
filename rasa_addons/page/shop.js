// The demo shop's buttons: each opens the chat, and most say something in it.

const chat = document.querySelector("support-chat");

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-say], [data-open]");
  if (button === null) return;
  if (button.dataset.say) chat.send(button.dataset.say);
  else chat.open = true;
});
