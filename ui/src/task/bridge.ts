/** What this page and a card in its frame tell each other (ui_backend/cards/bridge.js is the other end). A card is whatever
 * a flow's code made: nothing that it says is trusted further than it is read here. Pure. */

export const KIND = "metaflow-card";

const FINAL = "final"; // how Metaflow calls the last state of a card
const LEAST_PX = 60;
/** A card that is higher scrolls in its frame. */
const MOST_PX = 12_000;

export interface Said {
  /** The page stands, and takes messages. */
  ready?: boolean;
  /** In px. */
  height?: number;
  /** Which state of the card the page is; null if it does not say. */
  token?: string | null;
  /** It can be changed while it stands. */
  updates?: boolean;
  /** The number of the message that this answers, and whether the card took what was in it. */
  answers?: number;
  taken?: boolean;
}

/** What a message says; null if it is none of ours. */
export function readSaid(message: unknown): Said | null {
  if (typeof message !== "object" || message === null) return null;
  const told = message as Record<string, unknown>;
  if (told["kind"] !== KIND) return null;
  const said: Said = {};
  if (told["ready"] === true) said.ready = true;
  const { height, token, answers } = told;
  if (typeof height === "number" && Number.isFinite(height)) said.height = Math.min(MOST_PX, Math.max(LEAST_PX, Math.ceil(height)));
  if (typeof token === "string" || token === null) said.token = token === null ? null : token.slice(0, 200);
  if (typeof told["updates"] === "boolean") said.updates = told["updates"];
  if (typeof answers === "number") said.answers = answers;
  if (typeof told["taken"] === "boolean") said.taken = told["taken"];
  return said;
}

/** What is to be done with new data of a card whose page says `token`: it takes them, or has to be loaded again. */
export function whatToDo(page: { token: string | null; updates: boolean }, data: { reload_token?: string }): "post" | "load" | "nothing" {
  if (page.token === FINAL) return "nothing"; // its data may lag behind, and nothing comes after it
  const wanted = data.reload_token;
  if (typeof wanted === "string" && page.token !== null && wanted !== page.token) return "load";
  return page.updates ? "post" : "nothing";
}
