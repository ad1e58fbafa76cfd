// The table of winners: from rows to records, from records to the live row of every key.

export {
  setRule,
  setSeed,
  walk,
  walked,
  hashScratch,
  rowHash,
  nullFlags,
  digest,
} from './_digest';
export { forgetShape } from './_walk';
export {
  vetoRow,
  vetoRows,
  countLive,
  copyLive,
  countLines,
} from './_live';
export {
  setTable,
  setIndex,
  usedWinners,
  touch,
  stopReason,
  stopWinner,
  replace,
  enter,
  mark,
  check,
} from './_winners';
