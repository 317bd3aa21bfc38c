/** Where each line of a log begins when long ones are wrapped: guessed from their length, mended once drawn. Pure. */

export class Heights {
  private rows = new Uint32Array(1024);
  private tops = new Float64Array(1025);
  private count = 0;
  private clean = 0;

  constructor(private readonly lineHeight: number) {}

  get length(): number {
    return this.count;
  }

  get total(): number {
    this.sum();
    return this.tops[this.count]!;
  }

  /** Sets how many rows of text a line takes. Tells whether that is a change. */
  set(line: number, rows: number): boolean {
    this.grow(line + 1);
    const value = Math.max(1, rows);
    if (this.rows[line] === value) return false;
    this.rows[line] = value;
    this.clean = Math.min(this.clean, line);
    return true;
  }

  grow(count: number): void {
    if (count <= this.count) return;
    if (count > this.rows.length) {
      const size = Math.max(count, this.rows.length * 2);
      const rows = new Uint32Array(size);
      rows.set(this.rows);
      this.rows = rows;
      const tops = new Float64Array(size + 1);
      tops.set(this.tops);
      this.tops = tops;
    }
    this.rows.fill(1, this.count, count);
    this.clean = Math.min(this.clean, this.count);
    this.count = count;
  }

  top(line: number): number {
    this.sum();
    return this.tops[Math.min(line, this.count)]!;
  }

  /** The line that is drawn at this many pixels from the top. */
  at(pixels: number): number {
    this.sum();
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle]! <= pixels) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  private sum(): void {
    for (let i = this.clean; i < this.count; i++) this.tops[i + 1] = this.tops[i]! + this.rows[i]! * this.lineHeight;
    this.clean = this.count;
  }
}

/** How many columns of a terminal a text takes: tabs go to the next eighth, wide scripts take two, marks none. */
export function cells(text: string): number {
  let count = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code === 9) count += 8 - (count % 8);
    else if (code < 0x300) count++;
    else if (isMark(code)) continue;
    else count += isWide(code) ? 2 : 1;
  }
  return count;
}

function isMark(code: number): boolean {
  return (code <= 0x36f) || (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) || (code >= 0xfe00 && code <= 0xfe0f);
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    code >= 0x20000
  );
}
