/* Files that are chosen or dropped on the list are uploaded one after the other; then the list shows them. */

import { Upload } from "../xaccel/upload.js";

const form = document.getElementById("upload");
const tray = form.querySelector("ul");
const status = form.querySelector("[role=status]");
const PAUSES = {
  checking: "Checking …",
  paused: "Paused",
  waiting: "The portal does not respond. The upload goes on as soon as it does.",
};
let previous = Promise.resolve();

form.hidden = false;
form.elements.add.onchange = ({ target }) => {
  add(target.files);
  target.value = "";
};

for (const type of ["dragover", "dragleave", "drop"]) {
  addEventListener(type, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.toggle("dropping", type === "dragover");
    if (type === "drop") add(event.dataTransfer.files);
  });
}

// leaving the page would end what is under way
addEventListener("beforeunload", (event) => {
  if (tray.querySelector("progress")) event.preventDefault();
});

function add(files) {
  for (const file of files) enqueue(file, row(file));
}

function row(file) {
  tray.append(form.querySelector("template").content.cloneNode(true));
  const item = tray.lastElementChild;
  item.querySelector("bdi").textContent = file.name;
  item.querySelector("progress").setAttribute("aria-label", `Upload of ${file.name}`);
  for (const button of item.querySelectorAll("button")) button.setAttribute("aria-label", `${button.textContent} ${file.name}`);
  say(item, "Waiting");
  return item;
}

function enqueue(file, item) {
  let isCanceled = false, cancel = () => end(item, "Canceled");
  item.querySelector(".cancel").onclick = () => {
    isCanceled = true;
    cancel();
  };
  previous = previous.then(async () => {
    if (isCanceled) return;
    const query = new URLSearchParams({ name: file.name, folder: form.dataset.folder });
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    const upload = new Upload(`${form.action}?${query}`, file, { headers });
    cancel = () => upload.cancel();
    item.querySelector(".pause").onclick = () => (upload.state === "paused" ? upload.resume() : upload.pause());
    upload.onprogress = progress(item, upload, performance.now());
    try {
      await upload.done;
      end(item, "Stored");
      await refresh();
    } catch (error) {
      end(item, isCanceled ? "Canceled" : error.message, !isCanceled);
    }
  });
}

/** Return what shows the progress, and announces each quarter of it to a screen reader. */
function progress(item, upload, began) {
  let quarter = 0;
  return () => {
    const bar = item.querySelector("progress"), pause = item.querySelector(".pause");
    pause.hidden = !upload.canPause;
    pause.textContent = upload.state === "paused" ? "Continue" : "Pause";
    pause.setAttribute("aria-label", `${pause.textContent} ${upload.name}`);
    if (upload.state in PAUSES) say(item, PAUSES[upload.state]);
    if (upload.state !== "sending" || !upload.sent) return;
    const share = upload.sent / upload.size, seconds = (performance.now() - began) / 1000;
    const rate = upload.sent / seconds, left = Math.ceil((upload.size - upload.sent) / rate);
    bar.value = share;
    say(item, `${Math.floor(100 * share)} % of ${readable(upload.size)}, ${readable(rate)} a second, ${left} s left`);
    if (Math.floor(4 * share) > quarter) {
      quarter = Math.floor(4 * share);
      status.textContent = `${upload.name}: ${25 * quarter} %`;
    }
  };
}

function say(item, words) {
  item.querySelector(".said").textContent = words;
}

function end(item, words, hasFailed = false) {
  say(item, words);
  item.classList.toggle("failed", hasFailed);
  for (const element of item.querySelectorAll("progress, button")) element.remove();
  status.textContent = `${item.querySelector("bdi").textContent}: ${words}`;
}

/** Replace the list and the number of files by those of the server. */
async function refresh() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  for (const id of ["count", "list"]) document.getElementById(id).replaceWith(page.getElementById(id));
}

function readable(bytes) {
  const unit = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${(bytes / 1024 ** unit).toFixed(unit && 1)} ${["bytes", "KB", "MB", "GB"][unit]}`;
}
