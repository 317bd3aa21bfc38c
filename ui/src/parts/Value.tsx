/** A value in full. Where it may have to scroll, it can be reached with the keyboard. */

const LONG = 120; // characters that may fill a narrow column

export function Value({ text }: { text: string }) {
  return (
    <pre class="value" {...(text.length > LONG || text.split("\n").length > 8 ? { tabIndex: 0 } : {})}>
      {text || " "}
    </pre>
  );
}
