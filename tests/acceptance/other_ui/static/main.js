// A stand-in for Metaflow's own web UI: it does what that one needs of a server that shows it. It writes its styles into
// the page, has a font in them, follows the links to further pages as they are given, and calls into the page of a card.

const API = window.METAFLOW_SERVICE.replace(/\/$/, "");
const shown = (id, text) => (document.getElementById(id).textContent = text);

const style = document.createElement("style");
style.textContent = `
  @font-face { font-family: Own; src: url(data:font/woff2;base64,d09GMgABAAAAAA==) format("woff2"); }
  #runs { color: rgb(1, 2, 3); font-family: Own, sans-serif; }`;
document.head.append(style);

async function listRuns() {
  let next = `${API}/runs?_order=-ts_epoch&_limit=2&_page=1`;
  while (next) {
    const page = await (await fetch(next)).json();
    for (const run of page.data) {
      const item = document.createElement("li");
      item.textContent = `${run.flow_id}/${run.run_number}`;
      document.getElementById("runs").append(item);
    }
    next = page.links.next;
  }
}

function listen() {
  const socket = new WebSocket(new URL(`${API}/ws`, location.href).href.replace(/^http/, "ws"));
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "SUBSCRIBE", uuid: "runs", resource: "/runs" }));
    socket.send("__ping__");
  };
  socket.onmessage = ({ data }) => {
    if (data === "__pong__") return shown("heard", "listening");
    const { type, data: run } = JSON.parse(data);
    shown("heard", `${type} ${run.flow_id}`);
  };
}

window.showCard = (path) => {
  const frame = document.getElementById("card");
  frame.hidden = false;
  frame.src = `${API}${path}?embed=true&invalidate=true`;
};
window.updateCard = (data) => document.getElementById("card").contentWindow.metaflow_card_update(data);

listRuns().then(listen, (error) => shown("fault", String(error)));
