/** Loaded before a process: its clock runs `SHIFT_MS` ahead, as of a machine that nobody set right. */
const shiftMs = Number(process.env.SHIFT_MS);
const SystemDate = Date;

globalThis.Date = class extends SystemDate {
  constructor(...values) {
    if (values.length === 0) super(SystemDate.now() + shiftMs);
    else super(...values);
  }

  static now() {
    return SystemDate.now() + shiftMs;
  }
};
