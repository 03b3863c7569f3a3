// How the repair of gaps does, the comparison of days, and where bars wait: three panels with a sentence each.

import { NOT_KNOWN, formatExact } from "../format.js";
import { formatMinute } from "../time.js";
import { comparedText, formatBytes, patternsText, queueText, retentionText, storageText } from "./gap_words.js";
import { setAttribute, setText } from "./parts.js";
import { formatRate, formatSpan } from "./words.js";

/** The panels in the elements that `find` gives by id. */
export function createRepairPanel(find) {
  function say(id, { level, text }) {
    setAttribute(find(`${id}-panel`), "data-level", level);
    setText(find(`${id}-words`), text);
  }

  function showQueue(repair, totals) {
    setText(find("repair-open"), formatExact(repair?.open_gaps ?? null));
    setText(find("repair-waiting"), formatExact(repair?.waiting_symbols ?? null));
    setText(find("repair-empty"), repair?.empty_at ? `at about ${formatMinute(repair.empty_at)}` : NOT_KNOWN);
    setText(find("repair-rate"), repair === null ? NOT_KNOWN : formatRate(repair.rate_per_minute));
    setText(find("repair-asked"), formatExact(repair?.asked ?? null));
    setText(find("repair-bars"), formatExact(totals?.repaired_bars ?? null));
    setText(find("repair-error"), repair?.last_error ?? "");
    find("repair-error-box").hidden = !repair?.last_error;
  }

  function showStorage(storage) {
    find("storage-figures").hidden = storage === null;
    if (storage === null) return;
    const { memory_bars: inMemory, memory_limit: memoryLimit, spooled_bytes: bytes, spool_limit_bytes: limit } = storage;
    setText(find("storage-memory"), `${formatExact(inMemory)} of ${formatExact(memoryLimit)}`);
    setText(find("storage-spooled"), formatExact(storage.spooled_bars));
    setText(find("storage-spool"), `${formatBytes(bytes)} of ${formatBytes(limit)}`);
    setText(find("storage-room"), storage.lasts_s === null ? NOT_KNOWN : formatSpan(storage.lasts_s * 1000));
    fill("storage-memory-meter", inMemory / memoryLimit);
    fill("storage-spool-meter", bytes / limit);
  }

  function fill(id, share) {
    find(id).style.setProperty("--share", Math.min(1, share).toFixed(3));
  }

  return {
    /** Show a status and the totals of the gaps (null: not known yet); `nowMs` is the server's clock. */
    show({ repair, reconciliation, storage, retention, patterns }, totals, nowMs) {
      say("queue", queueText(repair, nowMs));
      say("compared", comparedText(reconciliation, nowMs));
      say("storage", storageText(storage, nowMs));
      setText(find("retention-words"), retentionText(retention));
      setText(find("patterns-words"), patternsText(patterns));
      showQueue(repair, totals);
      showStorage(storage);
    },
    /** Tell what came of "repair now". */
    tell(text, isError) {
      setText(find("repair-result"), text);
      find("repair-result").classList.toggle("failed", isError);
    },
  };
}
