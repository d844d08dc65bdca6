package dev.trireme.ps;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;

/**
 * Which step trains on which batch: a step is a whole global batch, whoever takes what of it.
 *
 * <p>Steps are counted from where the servers got their state, and not from the job's first: a run
 * that was resumed with another size of batch, or another set, has come to a step in its own way.
 *
 * @param items in the training set
 * @param size of a whole batch
 * @param anchor a step and where the batch after it begins; nobody goes back behind it
 */
record Batches(long items, int size, Progress anchor) {
  private long perEpoch() {
    return (items + size - 1) / size;
  }

  /** The last step of the anchor's epoch: those behind it are like each other. */
  private long endOfEpoch() {
    long left = Math.max(0, items - anchor.cursor().position());
    return anchor.step() + (left + size - 1) / size;
  }

  /** The step that trains on the batch that begins here. */
  long stepAt(Cursor cursor) {
    int epochs = cursor.epoch() - anchor.cursor().epoch();
    if (epochs <= 0) {
      return anchor.step() + (cursor.position() - anchor.cursor().position()) / size + 1;
    }
    return endOfEpoch() + (epochs - 1) * perEpoch() + cursor.position() / size + 1;
  }

  /** Where the batch after this step begins. */
  Cursor after(long step) {
    Cursor from = anchor.cursor();
    long behind = step - endOfEpoch();
    if (behind < 0) {
      long position = from.position() + (step - anchor.step()) * size;
      return new Cursor(from.epoch(), Math.max(0, position));
    }
    int epoch = Math.toIntExact(from.epoch() + 1 + behind / perEpoch());
    return new Cursor(epoch, behind % perEpoch() * size);
  }

  /** Items of the batch of a step: the last of an epoch may be short. */
  long itemsOf(long step) {
    return Math.min(size, items - after(step - 1).position());
  }
}
