package dev.trireme.ps;

import dev.trireme.api.data.Cursor;

/**
 * Which step trains on which batch: a step is a whole global batch, whoever takes what of it.
 *
 * @param items in the training set
 * @param size of a whole batch
 */
record Batches(long items, int size) {
  private long perEpoch() {
    return (items + size - 1) / size;
  }

  /** The step that trains on the batch that begins here. */
  long stepAt(Cursor cursor) {
    return cursor.epoch() * perEpoch() + cursor.position() / size + 1;
  }

  /** Where the batch after this step begins. */
  Cursor after(long step) {
    return new Cursor(Math.toIntExact(step / perEpoch()), step % perEpoch() * size);
  }

  /** Items of the batch of a step: the last of an epoch may be short. */
  long itemsOf(long step) {
    return Math.min(size, items - after(step - 1).position());
  }
}
